// `npm run bench -- WHAT [--json] [OPTION …]`: one benchmark, with Rackboot and its peers in the same run.
//
// Exit codes: 0 success; 1 a requirement is missing, or an answer was wrong; 2 the arguments are invalid.

import { loadavg } from 'node:os';
import { errorText } from '../src/errors.ts';
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
import { tftpBenchmark } from './tftp.ts';

const BENCHMARKS: readonly Benchmark[] = [
  dhcpBenchmark,
  allocationBenchmark,
  dnsBenchmark,
  tftpBenchmark,
  httpBenchmark,
  startBenchmark,
  imagesBenchmark,
  isolationBenchmark,
  regionBenchmark,
  apiBenchmark,
  pageBenchmark,
];

const words = process.argv.slice(2);
const json = words.includes('--json');
const [wanted, ...rest] = words.filter((word) => word !== '--json');
const benchmark = BENCHMARKS.find(({ what }) => what === wanted);
const isOption = (word: string): boolean =>
  benchmark?.options?.some((option) => (option.endsWith('=') ? word.startsWith(option) : word === option)) ?? false;
if (benchmark === undefined || !rest.every(isOption)) {
  console.error(`usage: npm run bench -- ${BENCHMARKS.map(({ what }) => what).join('|')} [--json]`);
  for (const { what, options = [] } of BENCHMARKS)
    if (options.length > 0) console.error(`       ${what} also takes ${options.join(' ')}`);
  process.exit(2);
}
try {
  const loadBefore = loadavg()[0] ?? 0;
  const results = await benchmark.run(new Set(rest));
  const { what, notes } = benchmark;
  const host = describeHost(loadBefore);
  console.log(json ? JSON.stringify({ what, host, results }) : formatReport({ what, host, results, notes }));
  if (!json && benchmark.digest !== undefined) console.log(`\n${benchmark.digest(results)}`);
  process.exit(0);
} catch (error) {
  console.error(`bench: ${errorText(error)}`);
  process.exit(1);
}
