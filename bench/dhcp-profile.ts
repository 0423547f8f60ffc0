// Where Rackboot spends its time while many clients get leases, or renew them: processor time of each thread for one exchange, and the functions that
// take most of it. The profiles stay, for the tools of browsers (`.cpuprofile`).

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '../src/clock.ts';
import type { DhcpLoad } from './dhcp-load.ts';
import type { Part } from './dhcp-phase.ts';
import { type Figure, Figures, RACKBOOT, type Result } from './figure.ts';
import type { Contender, Ground } from './ground.ts';
import { threadSecondsOf } from './process-cpu.ts';
import { type CpuProfile, selfTimes } from './self-time.ts';

const FUNCTIONS = 10;
const WARM_UP_MS = 5000;
const PROFILED_MS = 10_000;
const IN_FLIGHT = 32;
const WRITTEN_MS_MAX = 30_000;
/** New clients of the warm-up, at the most. */
const WARM_UP_CLIENTS_MAX = 150_000;
/** Threads whose profile is printed; others leave theirs too. */
const THREADS = ['main', 'lease-journal', 'region'] as const;
const ROOT = join(import.meta.dirname, '..');

/** Measures one fresh server of `contender` and returns the profiles of its threads. */
export async function profileDhcp(
  kind: Part['kind'],
  contender: Contender,
  load: Omit<DhcpLoad, 'parts'>,
  measure: (contender: Contender, run: (ground: Ground) => Promise<readonly Figure[]>) => Promise<readonly Figure[]>,
  tell: (text: string) => void,
): Promise<readonly Result[]> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-profile-'));
  const figures = new Figures();
  const own = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `${own ?? ''} --import=${join(import.meta.dirname, 'profiler.ts')}`;
  process.env.RACKBOOT_PROFILE = directory;
  try {
    figures.add(RACKBOOT, await measure(contender, (ground) => profiled(kind, ground, load, directory)));
  } finally {
    delete process.env.RACKBOOT_PROFILE;
    if (own === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = own;
  }
  for (const name of THREADS) figures.add(RACKBOOT, await functionsOf(directory, name));
  tell(`the profiles are in ${directory}`);
  return figures.results();
}

async function profiled(
  kind: Part['kind'],
  ground: Ground,
  load: Omit<DhcpLoad, 'parts'>,
  directory: string,
): Promise<readonly Figure[]> {
  const label = `${kind === 'lease' ? 'DORA' : 'renew'}, ${IN_FLIGHT} in flight`;
  const part: Part = { kind, inFlight: IN_FLIGHT, ms: PROFILED_MS, label };
  const run = (parts: readonly Part[], skip: number): Promise<readonly Figure[]> =>
    ground.runLoad('dhcp-load.ts', { ...load, parts, skip });
  const countMax = kind === 'lease' ? WARM_UP_CLIENTS_MAX - 100 : undefined;
  await run([{ ...part, ms: WARM_UP_MS, count: countMax, label: undefined }], 0);
  const before = threadSecondsOf(ground.serverPid);
  // Without samples first: they cost a tenth.
  const plain = await run([part], WARM_UP_CLIENTS_MAX);
  const done = plain.find(({ metric }) => metric === `${label}, exchanges`)?.value ?? 0;
  const threads = [...threadSecondsOf(ground.serverPid)].map(([id, { name, seconds }]) => ({
    metric: `thread ${name} (${id}), CPU each`,
    unit: 'µs',
    value: ((seconds - (before.get(id)?.seconds ?? 0)) * 1e6) / done,
  }));
  writeFileSync(join(directory, 'on'), '');
  await sleep(300);
  await run([part], WARM_UP_CLIENTS_MAX * 4);
  rmSync(join(directory, 'on'));
  await awaitFile(join(directory, 'main.cpuprofile'));
  await sleep(1000);
  return [...plain, ...threads.filter(({ value }) => value >= 0.1).sort((a, b) => b.value - a.value)];
}

async function functionsOf(directory: string, name: string): Promise<readonly Figure[]> {
  const file = join(directory, `${name}.cpuprofile`);
  if (!existsSync(file)) return [];
  const profile: CpuProfile = JSON.parse(readFileSync(file, 'utf8'));
  return selfTimes(profile, ROOT, FUNCTIONS).map((one, index) => ({
    metric: `${name} ${index + 1}. ${one.name}`,
    unit: '% of its time',
    value: one.share * 100,
  }));
}

async function awaitFile(file: string): Promise<void> {
  for (let waitedMs = 0; !existsSync(file); waitedMs += 100) {
    if (waitedMs > WRITTEN_MS_MAX) throw new Error(`${file} was not written within ${WRITTEN_MS_MAX} ms`);
    await sleep(100);
  }
}
