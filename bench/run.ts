// `npm run bench -- NAME [OPTION …] [NAME …] [--json]`: benchmarks in turn, each with Rackboot and its peers in the same run.
//
// Exit codes: 0 success; 1 a requirement is missing, or an answer was wrong, in one of them; 2 the arguments are invalid.

import { loadavg } from 'node:os';
import { errorText } from '../src/ground/errors.ts';
import { allocationBenchmark } from './allocation.ts';
import { apiBenchmark } from './api.ts';
import type { Benchmark } from './benchmark.ts';
import { dhcpBenchmark } from './dhcp.ts';
import { dnsBenchmark } from './dns.ts';
import { describeHost, formatReport } from './figure.ts';
import { httpBenchmark } from './http.ts';
import { imagesBenchmark } from './images.ts';
import { isolationBenchmark } from './isolation.ts';
import { pageBenchmark } from './page.ts';
import { regionBenchmark } from './region.ts';
import { startBenchmark } from './start.ts';
import { stormBenchmark } from './storm.ts';
import { tftpBenchmark } from './tftp.ts';

const BENCHMARKS: readonly Benchmark[] = [
  dhcpBenchmark,
  allocationBenchmark,
  dnsBenchmark,
  tftpBenchmark,
  httpBenchmark,
  stormBenchmark,
  startBenchmark,
  imagesBenchmark,
  isolationBenchmark,
  regionBenchmark,
  apiBenchmark,
  pageBenchmark,
];

/** A benchmark and its own arguments. */
interface Turn {
  readonly benchmark: Benchmark;
  readonly options: Set<string>;
}

/** Each name begins a turn, and the words after it are its options. Undefined: the arguments are invalid. */
function turnsOf(words: readonly string[]): readonly Turn[] | undefined {
  const turns: Turn[] = [];
  for (const word of words) {
    const benchmark = BENCHMARKS.find(({ what }) => what === word);
    const turn = turns.at(-1);
    if (benchmark !== undefined) turns.push({ benchmark, options: new Set() });
    else if (turn !== undefined && hasOption(turn.benchmark, word)) turn.options.add(word);
    else return undefined;
  }
  return turns.length === 0 ? undefined : turns;
}

const hasOption = ({ options = [] }: Benchmark, word: string): boolean =>
  options.some((option) => (option.endsWith('=') ? word.startsWith(option) : word === option));

/** @returns whether it succeeded */
async function take({ benchmark, options }: Turn, json: boolean): Promise<boolean> {
  const { what, notes, digest } = benchmark;
  try {
    const loadBefore = loadavg()[0] ?? 0;
    const results = await benchmark.run(options);
    const host = describeHost(loadBefore);
    console.log(json ? JSON.stringify({ what, host, results }) : formatReport({ what, host, results, notes }));
    if (!json && digest !== undefined) console.log(`\n${digest(results)}`);
    if (!json) console.log();
    return true;
  } catch (error) {
    console.error(`bench: ${what}: ${errorText(error)}`);
    return false;
  }
}

const words = process.argv.slice(2);
const turns = turnsOf(words.filter((word) => word !== '--json'));
if (turns === undefined) {
  console.error(
    `usage: npm run bench -- NAME [OPTION …] [NAME …] [--json]   NAME: ${BENCHMARKS.map(({ what }) => what).join(' ')}`,
  );
  for (const { what, options = [] } of BENCHMARKS)
    if (options.length > 0) console.error(`       ${what} also takes ${options.join(' ')}`);
  process.exit(2);
}
let isGood = true;
for (const turn of turns) isGood = (await take(turn, words.includes('--json'))) && isGood;
process.exit(isGood ? 0 : 1);
