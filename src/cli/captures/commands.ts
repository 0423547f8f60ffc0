// The table of `rackboot replay`.

import { row } from '../terminal/command-table.ts';
import { config, flag, json, option, requiredArgument } from '../terminal/shared-options.ts';

/** Replaces `-` on the command line, because the parser drops a lone `-`. */
const STANDARD_INPUT = '/dev/stdin';

/** Commands that accept standard input as an argument. */
const WITH_INPUT: ReadonlySet<string> = new Set(['login', 'replay']);

/** The arguments, with `-` replaced by a file name for these commands. */
export const nameStandardInput = (args: readonly string[]): readonly string[] =>
  WITH_INPUT.has(args[0] ?? '') ? args.map((word) => (word === '-' ? STANDARD_INPUT : word)) : args;

const port = { type: 'number', requiresArg: true } as const;

export const REPLAY_COMMAND = row(
  'replay <file>',
  'Answer the queries of a capture with the current configuration; send nothing',
  {
    file: requiredArgument('A pcap file, as tcpdump writes it; - is standard input'),
    config,
    interface: option('Interface that received the broadcasts; default: the first that is served'),
    'without-state': flag('Start without leases and machines'),
    'tftp-port': { ...port, describe: 'Another port for TFTP requests, besides 69' },
    'dns-port': { ...port, describe: 'Another port for DNS, besides 53' },
    json,
  },
  () => import('./replay.ts'),
  'replayFile',
);
