// Where Rackboot spends its time while many clients get leases, or renew them: processor time of each thread for one exchange, and the functions that
// take most of it.

import type { DhcpLoad } from './dhcp-load.ts';
import type { Part } from './dhcp-phase.ts';
import { type Figure, Figures, RACKBOOT, type Result } from './figure.ts';
import type { Contender, Ground } from './ground.ts';
import { threadSecondsOf } from './process-cpu.ts';
import { Profiles } from './profiles.ts';

const WARM_UP_MS = 5000;
const PROFILED_MS = 10_000;
const IN_FLIGHT = 32;
/** New clients of the warm-up, at the most. */
const WARM_UP_CLIENTS_MAX = 150_000;
/** Threads whose profile is printed; others leave theirs too. */
const THREADS = ['main', 'lease-journal', 'region'] as const;

/** Measures one fresh server of `contender` and returns the profiles of its threads. */
export async function profileDhcp(
  kind: Part['kind'],
  contender: Contender,
  load: Omit<DhcpLoad, 'parts'>,
  measure: (contender: Contender, run: (ground: Ground) => Promise<readonly Figure[]>) => Promise<readonly Figure[]>,
  tell: (text: string) => void,
): Promise<readonly Result[]> {
  const profiles = new Profiles();
  const figures = new Figures();
  figures.add(
    RACKBOOT,
    await profiles.around(() => measure(contender, (ground) => profiled(kind, ground, load, profiles))),
  );
  for (const name of THREADS) figures.add(RACKBOOT, profiles.functionsOf(name));
  tell(`the profiles are in ${profiles.directory}`);
  return figures.results();
}

async function profiled(
  kind: Part['kind'],
  ground: Ground,
  load: Omit<DhcpLoad, 'parts'>,
  profiles: Profiles,
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
  await profiles.sample(() => run([part], WARM_UP_CLIENTS_MAX * 4));
  return [...plain, ...threads.filter(({ value }) => value >= 0.1).sort((a, b) => b.value - a.value)];
}
