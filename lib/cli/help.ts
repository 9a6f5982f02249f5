/** `millrace help [COMMAND]`. Commander's own answers an unknown command with the whole help. */
import { Command } from 'commander'

export function helpCommand(): Command {
  return new Command('help')
    .summary('print the help, or that of a command')
    .description('Prints the help of millrace, or that of COMMAND.')
    .argument('[command]', 'such as forward')
    .addHelpText('after', '\nExample:\n  $ millrace help forward')
    .action(async (name: string | undefined, _options: unknown, self: Command) => {
      const program = self.parent ?? self
      if (name === undefined) return program.help()
      program.commands.find((command) => command.name() === name)?.help()
      // What the program says of the unknown word alone is what there is to say.
      await program.parseAsync([name], { from: 'user' })
    })
}
