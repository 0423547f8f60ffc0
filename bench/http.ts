// HTTP: large and small files over 20 connections, Rackboot compared with nginx. The load is wrk.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/ground/clock.ts';
import type { Benchmark } from './benchmark.ts';
import type { Figure } from './figure.ts';
import {
  BRIDGE,
  CORES,
  type Contender,
  compare,
  type Ground,
  NETWORK,
  NETWORK_PREFIX,
  rackboot,
  SERVER,
} from './ground.ts';
import { findProgram } from './peer.ts';
import { cpuSecondsOf } from './process-cpu.ts';

const ROUNDS = 3;
/** Of the boot files. */
export const HTTP_PORT = 5248;
const CONNECTIONS = 20;
const SECONDS = 3;
const LARGE_BYTES = 64 * 1024 * 1024;
const SMALL_BYTES = 1024;
const SMALL_FILES = 100;

function contenders(tree: string): readonly Contender[] {
  return [
    rackboot([
      'cluster_interfaces:',
      `  - { name: bench, interface: ${BRIDGE}, management: 0, ip: ${SERVER}, network: ${NETWORK}/${NETWORK_PREFIX} }`,
      'dns: { listen: [] }',
      `boot: { tree: ${JSON.stringify(tree)}, http: { listen: ["${SERVER}:${HTTP_PORT}"] } }`,
    ]),
    { name: 'nginx', start: nginxFor(tree) },
  ];
}

/** How nginx starts with the files of `tree`. @throws Error if it is not installed */
export function nginxFor(tree: string): Contender['start'] {
  const nginx = findProgram('nginx', 'nginx-light');
  return (ground, directory) => {
    writeFileSync(join(directory, 'nginx.conf'), nginxConfig(directory, tree));
    return ground.startPeer(nginx, ['-p', directory, '-c', join(directory, 'nginx.conf')]);
  };
}

/** One worker, sendfile, no access log, unlimited requests per connection. */
function nginxConfig(directory: string, tree: string): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  return [
    `daemon off; user root; worker_processes 1; pid ${directory}/nginx.pid; error_log stderr;`,
    'events { worker_connections 256; }',
    'http {',
    `  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; ${places.join(' ')}`,
    `  server { listen ${SERVER}:${HTTP_PORT}; root ${tree}; }`,
    '}',
    '',
  ].join('\n');
}

/** A wrk script that requests the small files in turn. */
const SMALL_SCRIPT = `local n = 0
request = function()
  n = (n + 1) % ${SMALL_FILES}
  return wrk.format("GET", "/small/" .. n)
end
`;

async function measure(ground: Ground, wrk: string, tree: string): Promise<readonly Figure[]> {
  const url = `http://${SERVER}:${HTTP_PORT}`;
  const checked = ['large', ...Array.from({ length: SMALL_FILES }, (_, index) => `small/${index}`)];
  await ground.runLoad('http-check.ts', {
    urls: checked.map((path) => ({ url: `${url}/${path}`, file: join(tree, path) })),
  });
  const large = await runWrk(ground, wrk, [`${url}/large`]);
  const small = await runWrk(ground, wrk, ['-s', join(tree, 'small.lua'), url]);
  const { bytes, requests, p99Ms } = small;
  if (Math.abs(bytes / requests - SMALL_BYTES) > SMALL_BYTES / 2)
    throw new Error(`${bytes} bytes in ${requests} answers`);
  return [
    { metric: '64 MiB file', unit: 'MB/s', value: large.bytes / 1e6 / large.seconds },
    { metric: '64 MiB file, server CPU', unit: 's/GB', value: (large.serverCpuSeconds * 1e9) / large.bytes },
    { metric: "64 MiB file, load's core", unit: 'share', value: large.loadCores },
    { metric: '1 KiB files', unit: 'requests/s', value: requests / small.seconds },
    { metric: '1 KiB files, p99', unit: 'ms', value: p99Ms },
    { metric: '1 KiB files, server CPU each', unit: 'µs', value: (small.serverCpuSeconds * 1e6) / requests },
    { metric: "1 KiB files, load's core", unit: 'share', value: small.loadCores },
  ];
}

interface WrkResult {
  readonly requests: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly p99Ms: number;
  readonly serverCpuSeconds: number;
  readonly loadCores: number;
}

/** Runs wrk once to warm up and once to measure. @throws Error if a response was not 2xx, or a connection failed */
async function runWrk(ground: Ground, wrk: string, target: readonly string[]): Promise<WrkResult> {
  const words = ['-t', '1', '-c', String(CONNECTIONS), '--latency'];
  await ground.runProgram(wrk, [...words, '-d', '1', ...target]);
  const [startedAt, server, own] = [systemClock.now(), ground.serverCpuSeconds(), cpuSecondsOf('self')];
  const text = await ground.runProgram(wrk, [...words, '-d', String(SECONDS), ...target]);
  const elapsed = (systemClock.now() - startedAt) / 1000;
  if (/Non-2xx|Socket errors: connect [1-9]|read [1-9]|write [1-9]/.test(text)) throw new Error(text);
  const total = /(\d+) requests in ([\d.]+)s, ([\d.]+)([KMG]?)B read/.exec(text);
  const p99 = /99%\s+([\d.]+)(us|ms|s)/.exec(text);
  if (total === null || p99 === null) throw new Error(`wrk printed something else: ${text}`);
  const unit = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[total[4] ?? ''] ?? 1;
  const scale = { us: 0.001, ms: 1, s: 1000 }[p99[2] ?? ''] ?? 1;
  return {
    requests: Number(total[1]),
    bytes: Number(total[3]) * unit,
    seconds: Number(total[2]),
    p99Ms: Number(p99[1]) * scale,
    serverCpuSeconds: ground.serverCpuSeconds() - server,
    loadCores: (cpuSecondsOf('self') - own) / elapsed,
  };
}

/** Megabytes and requests per second. */
export const httpBenchmark: Benchmark = {
  what: 'http',
  notes: [
    `wrk, ${CONNECTIONS} connections, kept alive; every file is compared byte for byte before; ${CORES}; ${ROUNDS} interleaved rounds, medians.`,
    "Where the load's core is all in use, the server could do more: then compare the CPU of each GB or request.",
  ],
  async run() {
    const wrk = findProgram('wrk', 'wrk');
    const tree = mkdtempSync(join(tmpdir(), 'rackboot-bench-tree-'));
    try {
      mkdirSync(join(tree, 'small'));
      const content = Buffer.alloc(LARGE_BYTES);
      for (let at = 0; at < LARGE_BYTES; at += 4) content.writeUInt32BE(at, at);
      writeFileSync(join(tree, 'large'), content);
      for (let index = 0; index < SMALL_FILES; index += 1)
        writeFileSync(
          join(tree, 'small', String(index)),
          content.subarray(index * SMALL_BYTES).subarray(0, SMALL_BYTES),
        );
      writeFileSync(join(tree, 'small.lua'), SMALL_SCRIPT);
      return await compare(ROUNDS, contenders(tree), (ground) => measure(ground, wrk, tree));
    } finally {
      rmSync(tree, { recursive: true, force: true });
    }
  },
};
