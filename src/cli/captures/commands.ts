// The table of the commands about captured datagrams: `rackboot decode` and `rackboot replay`.

import type { Argv } from 'yargs';
import type { SharedOptions } from '../shared-options.ts';

/** How standard input is named to the parser, which drops a lone `-`. */
const STANDARD_INPUT = '/dev/stdin';

/** The arguments with `-` as a name, where it stands for a file of these commands. */
export const nameStandardInput = (args: readonly string[]): readonly string[] =>
  args[0] === 'decode' || args[0] === 'replay' ? args.map((word) => (word === '-' ? STANDARD_INPUT : word)) : args;

const FILES = 'pcap, pcapng, or payloads as hexadecimal digits; - is standard input';
const port = { type: 'number', requiresArg: true } as const;

/** Adds them to a command line. */
export function captureCommands<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const ports = {
    'tftp-port': { ...port, describe: 'Another port of TFTP requests, beside 69' },
    'dns-port': { ...port, describe: 'Another port of DNS, beside 53' },
  } as const;
  return parser
    .command(
      'decode <files..>',
      'Print captured datagrams for people',
      (command) =>
        command.positional('files', { type: 'string', array: true, demandOption: true, describe: FILES }).options({
          as: { choices: ['dhcp', 'tftp', 'dns'] as const, describe: 'Take every datagram for this protocol' },
          ...ports,
          json,
        }),
      async (argv) => {
        const { decodeFiles } = await import('./decode.ts');
        const further = { tftp: argv.tftpPort, dns: argv.dnsPort };
        finish(await decodeFiles({ files: argv.files, as: argv.as, ports: further, json: argv.json }));
      },
    )
    .command(
      'replay <file>',
      'Ask the present configuration what a capture asks; send nothing',
      (command) =>
        command.positional('file', { type: 'string', demandOption: true, describe: FILES }).options({
          config,
          interface: {
            type: 'string',
            requiresArg: true,
            describe: 'The interface of broadcasts, when the capture does not say',
          },
          'without-state': { type: 'boolean', default: false, describe: 'Begin without leases and machines' },
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
