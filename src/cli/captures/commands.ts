// The table of `rackboot replay`.

import type { Argv } from 'yargs';
import type { SharedOptions } from '../terminal/shared-options.ts';

/** Replaces `-` on the command line, because the parser drops a lone `-`. */
const STANDARD_INPUT = '/dev/stdin';

/** Commands that accept standard input as an argument. */
const WITH_INPUT: ReadonlySet<string> = new Set(['login', 'replay']);

/** The arguments, with `-` replaced by a file name for these commands. */
export const nameStandardInput = (args: readonly string[]): readonly string[] =>
  WITH_INPUT.has(args[0] ?? '') ? args.map((word) => (word === '-' ? STANDARD_INPUT : word)) : args;

const FILES = 'A pcap file, as tcpdump writes it; - is standard input';
const port = { type: 'number', requiresArg: true } as const;

/** Adds `replay` to a command line. */
export function captureCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const ports = {
    'tftp-port': { ...port, describe: 'Another port for TFTP requests, besides 69' },
    'dns-port': { ...port, describe: 'Another port for DNS, besides 53' },
  } as const;
  return parser.command(
    'replay <file>',
    'Answer the queries of a capture with the current configuration; send nothing',
    (command) =>
      command.positional('file', { type: 'string', demandOption: true, describe: FILES }).options({
        config,
        interface: {
          type: 'string',
          requiresArg: true,
          describe: 'Interface that received the broadcasts; default: the first that is served',
        },
        'without-state': { type: 'boolean', default: false, describe: 'Start without leases and machines' },
        ...ports,
        json,
      }),
    async (argv) => {
      const { replayFile } = await import('./replay.ts');
      finish(
        await replayFile({
          file: argv.file,
          config: argv.config,
          interfaceName: argv.interface,
          withState: !argv.withoutState,
          ports: { tftp: argv.tftpPort, dns: argv.dnsPort },
          json: argv.json,
        }),
      );
    },
  );
}
