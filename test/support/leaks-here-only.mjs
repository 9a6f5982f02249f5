// Loaded into the mocha process of `npm run test:asan`: it looks for leaks at its end, and what it starts does not, since compilers and
// tracers leak what they like and a process that is traced cannot look.
process.env.ASAN_OPTIONS = process.env.ASAN_OPTIONS?.replace('detect_leaks=1', 'detect_leaks=0')
