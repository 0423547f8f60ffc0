// DHCP: leases and renewals a second, of Rackboot, Kea, ISC dhcpd and dnsmasq. Clients are behind one relay agent, so all answer by unicast.
//
//   round 1: each server with 1 000 leases, then with 100 000; a lasting load; what is on disk when an ACK leaves
//   rounds 2, 3: again Rackboot and Kea, which the goals compare
//
// 1. ISC and dnsmasq have one round: they are slower by a factor that no noise explains, and take a minute to load 100 000 leases.
// 2. Every server is warmed up alike, with leases and with renewals, until its rate stops growing; the warm-up does not count.
// 3. After `budgetMs` no round is added or repeated, so that a run ends within about twelve minutes.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseIpv4 } from '../src/ground/address.ts';
import { systemClock } from '../src/ground/clock.ts';
import { errorText } from '../src/ground/errors.ts';
import type { Benchmark } from './benchmark.ts';
import { CONTENDERS, type ContenderName, contenderOf, type Site } from './dhcp-contenders.ts';
import { traceDurability } from './dhcp-durability.ts';
import type { LeaseRange } from './dhcp-existing.ts';
import type { DhcpLoad } from './dhcp-load.ts';
import type { Part } from './dhcp-phase.ts';
import { profileDhcp } from './dhcp-profile.ts';
import { formatDhcpTable } from './dhcp-table.ts';
import { type Figure, Figures, RACKBOOT, type Result } from './figure.ts';
import { CLIENT, CORES, type Contender, type Ground, type Measure, measureQuietly, SERVER } from './ground.ts';

/** The parts of a run. */
interface DhcpPlan {
  readonly contenders: readonly ContenderName[];
  readonly rounds: number;
  /** Leases there are before; each a row of figures. */
  readonly existing: readonly number[];
  readonly inFlight: readonly number[];
  /** A warm-up ends when the rate grows no more, at the latest then. */
  readonly warmUpMsMax: number;
  readonly partMs: number;
  /** The most exchanges of a part; undefined: as many as the time allows. */
  readonly countMax?: number | undefined;
  /** 0: no lasting load. */
  readonly lastingMs: number;
  readonly durability: boolean;
  /** The time after which no round is added or repeated. */
  readonly budgetMs: number;
  /** Whether a round that others disturbed is repeated. */
  readonly repeats: boolean;
  /** Only parts whose name has this in it. Default: all. */
  readonly part?: string | undefined;
}

const FULL: DhcpPlan = {
  contenders: CONTENDERS,
  rounds: 3,
  existing: [1000, 100_000],
  inFlight: [1, 32, 256],
  warmUpMsMax: 8000,
  partMs: 3000,
  lastingMs: 15_000,
  durability: true,
  budgetMs: 10 * 60_000,
  repeats: true,
};
/** Each kind in a process that has just started: no warm-up, and no part before. */
const COLD: DhcpPlan = {
  ...FULL,
  contenders: process.env.BENCH_BEFORE === undefined ? [RACKBOOT, 'kea'] : [RACKBOOT, 'before', 'kea'],
  existing: [20_000, 100_000],
  inFlight: [32],
  warmUpMsMax: 0,
  partMs: 10_000,
  countMax: 10_000,
  lastingMs: 0,
  durability: false,
  repeats: false,
};
/** How long a cold server has been ready: not at all, and some seconds, as when the machines' firmware still counts its memory. */
const COLD_RESTS_MS = [0, 4000];
const QUICK: DhcpPlan = {
  ...FULL,
  contenders: [RACKBOOT, 'kea'],
  rounds: 1,
  lastingMs: 0,
  durability: false,
  repeats: false,
};
/** Those with which the goals compare, measured in each round, and again where others disturbed it. */
const EACH_ROUND: readonly ContenderName[] = [RACKBOOT, 'kea', 'before'];
/** With BENCH_BEFORE, the top folder of another checkout: measures that one, this one and Kea. */
const BEFORE: DhcpPlan = { ...FULL, contenders: [RACKBOOT, 'before', 'kea'], lastingMs: 0, durability: false };
/** Servers that refuse their own offers to parallel clients. */
const NAKS_ALLOWED: readonly ContenderName[] = ['dnsmasq'];

/**
 * Those that walk lists as long as the range, or as the leases they have: their range is as small as the load allows, and the new clients of
 * a part are bounded. In a range of half a million addresses ISC gives 5 leases a second.
 */
const LIST_WALKERS: readonly ContenderName[] = ['isc', 'dnsmasq'];
const WALKED_CLIENTS_MAX = 1000;
const WIDE_RANGE = rangeOf('10.89.0.0', '10.99.254.255');
const LASTING_RANGE = rangeOf('10.66.0.0', '10.87.255.255');
const LASTING_IN_FLIGHT = 32;
const WARM_UP_IN_FLIGHT = 32;
/** New clients of a warm-up: each is a lease more that the server has in all parts. */
const WARM_UP_CLIENTS_MAX = 100_000;

function rangeOf(low: string, high: string): LeaseRange {
  const [from = 0, to = 0] = [parseIpv4(low), parseIpv4(high)];
  return { low: from, size: to - from + 1 };
}

function rangeFor(name: ContenderName, existing: number): LeaseRange {
  if (!LIST_WALKERS.includes(name)) return WIDE_RANGE;
  // A warm-up and three parts, and some to find out whether the server has started.
  return { ...WIDE_RANGE, size: Math.ceil((existing + 4 * WALKED_CLIENTS_MAX) * 1.1) };
}

const thousands = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ' ');

/** Leases one at a time, several, many; then the same with renewals. */
function partsOf(
  { inFlight, warmUpMsMax, partMs, countMax: planned, part = '' }: DhcpPlan,
  contender: ContenderName,
): readonly Part[] {
  const countMax = LIST_WALKERS.includes(contender) ? WALKED_CLIENTS_MAX : planned;
  const warmUp = (kind: Part['kind'], count?: number): Part => ({
    kind,
    inFlight: WARM_UP_IN_FLIGHT,
    ms: warmUpMsMax,
    untilSteady: true,
    count,
  });
  const parts = (kind: Part['kind'], name: string, count?: number): Part[] =>
    inFlight
      .map((clients) => ({ kind, inFlight: clients, ms: partMs, count, label: `${name}, ${clients} in flight` }))
      .filter(({ label }) => label.includes(part));
  const [leases, renewals] = [parts('lease', 'DORA', countMax), parts('renew', 'renew', planned)];
  if (leases.length + renewals.length === 0) throw new Error(`no part is called ${part}`);
  return [
    warmUp('lease', countMax ?? WARM_UP_CLIENTS_MAX),
    ...leases,
    ...(renewals.length === 0 ? [] : [warmUp('renew'), ...renewals]),
  ];
}

/** One server, once. */
interface Job {
  readonly name: ContenderName;
  readonly what: string;
  readonly site: Site;
  readonly contender: Contender;
  measure(ground: Ground, load: Omit<DhcpLoad, 'parts'>): Promise<readonly Figure[]>;
}

/** Measures all of `plan`. @throws Error when a server is missing, or an answer was wrong */
export async function measureDhcp(plan: DhcpPlan, tell: (text: string) => void): Promise<readonly Result[]> {
  const workshop = mkdtempSync(join(tmpdir(), 'rackboot-bench-dhcp-'));
  const startedAt = systemClock.now();
  const spentMs = (): number => systemClock.now() - startedAt;
  const figures = new Figures();
  const run = async ({ name, what, site, contender, measure }: Job): Promise<void> => {
    tell(`${Math.round(spentMs() / 1000)} s: ${name}, ${what}`);
    const mayRepeat = (): boolean => plan.repeats && EACH_ROUND.includes(name) && spentMs() < plan.budgetMs;
    try {
      figures.add(name, await measureQuietly(contender, (ground) => measure(ground, loadOf(name, site)), mayRepeat));
    } catch (error) {
      throw new Error(`${name}, ${what}: ${errorText(error)}`, { cause: error });
    }
  };
  try {
    const rates = plan === COLD ? coldJobs(plan, workshop) : rateJobs(plan, workshop);
    const again = rates.filter(({ name }) => EACH_ROUND.includes(name));
    for (const job of [...rates, ...durabilityJobs(plan, workshop), ...lastingJobs(plan, workshop)]) await run(job);
    for (let round = 1; round < plan.rounds && spentMs() < plan.budgetMs; round += 1)
      for (const job of again) await run(job);
    const results = figures.results();
    return [...results, ...againstFewer(results, plan.existing)];
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

/** The job of one server in its usual range. */
function jobOf(name: ContenderName, what: string, existing: number, workshop: string, measure: Job['measure']): Job {
  const site = { range: rangeFor(name, existing), existing, workshop };
  return { name, what, site, contender: contenderOf(name, site), measure };
}

const coldJobs = (plan: DhcpPlan, workshop: string): readonly Job[] =>
  plan.existing.flatMap((existing) =>
    (['lease', 'renew'] as const).flatMap((kind) =>
      COLD_RESTS_MS.flatMap((restMs) =>
        plan.contenders.map((name) => {
          const what = `${thousands(existing)} leases, ready for ${restMs / 1000} s`;
          const parts = partsOf(plan, name).filter((part) => part.kind === kind && part.label !== undefined);
          return jobOf(name, `${what}, ${kind}`, existing, workshop, (ground, load) =>
            ground.runLoad('dhcp-load.ts', { ...load, prefix: `${what}: `, parts, restMs }),
          );
        }),
      ),
    ),
  );

const rateJobs = (plan: DhcpPlan, workshop: string): readonly Job[] =>
  plan.existing.flatMap((existing) =>
    plan.contenders.map((name) => {
      const what = `${thousands(existing)} leases`;
      return jobOf(name, what, existing, workshop, (ground, load) =>
        ground.runLoad('dhcp-load.ts', { ...load, prefix: `${what}: `, parts: partsOf(plan, name) }),
      );
    }),
  );

const durabilityJobs = ({ durability, contenders }: DhcpPlan, workshop: string): readonly Job[] =>
  (durability ? contenders : []).map((name) =>
    jobOf(name, 'traced', 1000, workshop, (ground, load) => traceDurability(ground, load, workshop)),
  );

function lastingJobs({ contenders, lastingMs }: DhcpPlan, workshop: string): readonly Job[] {
  const label = `DORA, ${LASTING_IN_FLIGHT} in flight for ${lastingMs / 1000} s`;
  const parts: Part[] = [{ kind: 'lease', inFlight: LASTING_IN_FLIGHT, ms: lastingMs, label, lasting: true }];
  const site = { range: LASTING_RANGE, existing: 1000, workshop };
  return (lastingMs === 0 ? [] : contenders.filter((name) => EACH_ROUND.includes(name))).map((name) => ({
    name,
    what: 'a lasting load',
    site,
    contender: contenderOf(name, site),
    async measure(ground, load) {
      const figures = await ground.runLoad('dhcp-load.ts', { ...load, parts });
      return figures.filter(({ metric }) => metric.startsWith(label));
    },
  }));
}

const loadOf = (name: ContenderName, { range, existing }: Site): Omit<DhcpLoad, 'parts'> => ({
  server: SERVER,
  client: CLIENT,
  range,
  existing,
  naksAllowed: NAKS_ALLOWED.includes(name),
  prefix: '',
});

/** How each server's rates with the most leases compare with those it has with the fewest. */
function againstFewer(results: readonly Result[], existing: readonly number[]): readonly Result[] {
  const [few, many] = [Math.min(...existing), Math.max(...existing)].map((count) => `${thousands(count)} leases: `);
  if (few === undefined || many === undefined || few === many) return [];
  const rates = results.filter(({ metric, unit }) => unit === 'leases/s' && metric.startsWith(few));
  return rates.flatMap((base) => {
    const name = base.metric.slice(few.length);
    const other = results.find(({ metric }) => metric === `${many}${name}`);
    if (other === undefined) return [];
    const share = (now = Number.NaN, before = Number.NaN): number => Number((now / before).toPrecision(3));
    const peers = Object.keys(base.peers).map((peer) => [peer, share(other.peers[peer], base.peers[peer])] as const);
    return {
      metric: `${many}${name}, against ${thousands(Math.min(...existing))}`,
      unit: '×',
      rackboot: share(other.rackboot, base.rackboot),
      peers: Object.fromEntries(peers),
    };
  });
}

/** Rackboot alone; leases with a thousand leases, renewals with 100 000. */
async function profile(kind: Part['kind'], tell: (text: string) => void): Promise<readonly Result[]> {
  const workshop = mkdtempSync(join(tmpdir(), 'rackboot-bench-dhcp-'));
  try {
    const site = { range: LASTING_RANGE, existing: kind === 'lease' ? 1000 : 100_000, workshop };
    const once = (it: Contender, run: Measure): Promise<readonly Figure[]> => measureQuietly(it, run, () => false);
    return await profileDhcp(kind, contenderOf(RACKBOOT, site), loadOf(RACKBOOT, site), once, tell);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

/** The plan that the words of the command line ask for. @throws Error when one names no server */
function planOf(options: ReadonlySet<string>): DhcpPlan {
  const wordOf = (option: string): string | undefined =>
    [...options].find((word) => word.startsWith(option))?.slice(option.length);
  const whole = process.env.BENCH_BEFORE === undefined ? FULL : BEFORE;
  if (options.has('--cold')) return COLD;
  const plan: DhcpPlan = { ...(options.has('--quick') ? QUICK : whole), part: wordOf('--part=') };
  const only = wordOf('--only=');
  if (plan.part === undefined && only === undefined) return plan;
  const contenders = only === undefined ? plan.contenders : CONTENDERS.filter((name) => name === only);
  if (contenders.length === 0) throw new Error(`no server is called ${only}: ${CONTENDERS.join(', ')}`);
  return { ...plan, contenders, lastingMs: 0, durability: false };
}

/** Leases and renewals. */
export const dhcpBenchmark: Benchmark = {
  what: 'dhcp',
  options: ['--quick', '--cold', '--profile', '--profile=renew', '--only=', '--part='],
  notes: [
    `Relayed clients, those that were never seen (DORA) and those that have a lease (renew); ${CORES}; medians of up to ${FULL.rounds} interleaved rounds; ISC and dnsmasq one round.`,
    'Rackboot is the whole daemon with its region. The rows "traced" show what each server has written and synced before an ACK leaves, in this run.',
    `Before the parts each server is warmed up, with leases and with renewals: at least 3 s, until its rate grows no more, at most ${FULL.warmUpMsMax / 1000} s. A part begins new exchanges for ${FULL.partMs / 1000} s; "exchanges" says how many it had.`,
    `"1 000 leases", "100 000 leases": what the server was started with. The warm-up adds up to ${thousands(WARM_UP_CLIENTS_MAX)}, DORA parts what they do; ISC and dnsmasq ${thousands(WALKED_CLIENTS_MAX)} each.`,
    `Renewals are by 100 000 clients in shuffled order, those of the start before those that came in this run, so that each waits 1.1 s or more before it renews again: ends of leases are kept in seconds.`,
    "Server CPU: all its threads and children, with what it does after the last ACK. The load was the bound where its core is not idle and the server's is.",
    'Lost: not answered, mostly because the receive buffer was full. Nothing is sent again, and the next client waits a second for the place.',
    `Nobody asks the wire before an offer. Existing leases run. Range: ${thousands(WIDE_RANGE.size)} addresses; for ISC and dnsmasq, which walk lists of that length, as few as the load needs.`,
    `--cold: the first ${thousands(10_000)} exchanges of a process just started, when it has answered for the first time and four seconds later; no warm-up.`,
    '--quick: one round of Rackboot and Kea. --only=SERVER, --part="renew, 32": those alone. --profile, --profile=renew: where Rackboot spends its time.',
  ],
  digest: formatDhcpTable,
  run(options) {
    const tell = (text: string): void => console.error(`dhcp: ${text}`);
    if (options.has('--profile')) return profile('lease', tell);
    if (options.has('--profile=renew')) return profile('renew', tell);
    return measureDhcp(planOf(options), tell);
  },
};
