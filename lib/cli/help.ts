/** `millrace help [COMMAND]`. Commander's own answers an unknown command with the whole help. */
import { Command } from 'commander'

export function helpCommand(): Command {
  return new Command('help')
    .summary('print the help, or that of a command')
    .description('Prints the help of millrace, or that of COMMAND.')
    .argument('[command...]', 'such as forward, or offload show')
    .addHelpText('after', '\nExample:\n  $ millrace help forward')
    .action(async (names: readonly string[], _options: unknown, self: Command) => {
      const program = self.parent ?? self
      const found = names.reduce((command: Command | undefined, name) => command?.commands.find((one) => one.name() === name), program)
      if (found !== undefined) return found.help()
      // What the program says of the unknown word alone is what there is to say.
      await program.parseAsync([...names], { from: 'user' })
    })
}
