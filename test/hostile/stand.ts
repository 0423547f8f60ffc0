// Runs the cases of cases.ts against a whole rack: while an attack lasts, the bystanders must get what the case says, in time.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import type { Running } from '../e2e/rack-network.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { type Bites, grown, type HostileCase } from './case.ts';
import { CASES } from './cases.ts';
import { FURTHER_CASES } from './further-cases.ts';
import type { Readings } from './readings.ts';
import { REGION_CASES } from './region-cases.ts';
import { HostileSite } from './site.ts';
import { WANTS, type Want } from './wants.ts';

/** The differences there. */
interface Routed {
  /** The sign that these hosts are refused; left out: they are served. */
  readonly refused?: Bites;
}

const BY_TFTP: Routed = {
  refused: grown(2000, 'rackboot_tftp_refusals_total', { reason: 'network' }),
};
const BY_DNS: Routed = {
  refused: grown(3000, 'rackboot_dns_refusals_total', { reason: 'stranger' }),
};
const BY_THE_REGION: Routed = {
  refused: grown(100, 'rackboot_region_api_answers_total', { class: '4xx' }),
};

/** By the attack; `attacker` has all others. */
const ROUTED: Readonly<Record<string, Routed>> = {
  'tftp-hold': BY_TFTP,
  'tftp-netascii': BY_TFTP,
  'dns-silent-zones': BY_DNS,
  'dns-random-names': BY_DNS,
  'dns-alongside': BY_DNS,
  'dns-tcp-idle': {},
  'boot-idle': {},
  'boot-slow-headers': {},
  'boot-slow-posts': {},
  'boot-pipelining': {},
  'boot-slow-readers': {},
  'metrics-idle': {},
  'amend-others': BY_THE_REGION,
  'api-connections': {},
  'api-slow-posts': {},
  'tls-slow-hello': {},
  'api-pipelining': {},
  'api-followers': {},
  'api-passwords': {},
  'api-sessions': {},
  'api-ordinary': {},
  'link-guesses': {},
  'enlist-flood': BY_THE_REGION,
};

/** Those of the cases that can be tried from there. */
function routed(cases: readonly HostileCase[]): readonly HostileCase[] {
  return cases.flatMap((one): readonly HostileCase[] => {
    const routed = ROUTED[one.attack];
    if (routed === undefined || one.from !== 'attacker') return [];
    const { refused } = routed;
    const bites: Bites = (now, before) => refused?.(now, before) === true || one.bites(now, before);
    return [{ ...one, short: false, bites, from: 'far', attacker: `from behind a router ${one.attacker}` }];
  });
}

const NEAR = [...CASES, ...REGION_CASES, ...FURTHER_CASES];

const EVERY_CASE: readonly HostileCase[] = [...NEAR, ...routed(NEAR)];

/** Why no case can run here; false: it can. */
const SKIP = missing('linux', 'root', 'ip', 'curl', 'dig', 'udhcpc', 'ss', 'sysctl', 'openssl');
/** How long an attack may take to have its effect, in seconds. */
const BITE_SECONDS_MAX = 160;
const LOOK_MS = 500;
/** The others ask again until their time is up, as programs and people do. On a busy host that is so many times as long as on an idle one. */
const PATIENCE = 4;
/** With everything attacked at once, the processors are shared by all attackers, too: the time is so much longer for every one. */
const FACTOR_OF_ATTACKER = 0.25;
/** All at once takes long: each want at the region 10 to 40 s. The attackers continue for 40 minutes. */
const TOGETHER_ROUNDS_MAX = 2;

/** The readings that are shown when an attack has no effect. */
const METRICS_OF: Readonly<Record<HostileCase['door'], string>> = {
  DHCP: 'rackboot_dhcp',
  TFTP: 'rackboot_tftp',
  DNS: 'rackboot_dns',
  'boot HTTP': 'rackboot_http',
  region: 'rackboot_region',
  metrics: 'rackboot_process',
  link: 'rackboot_region',
  wire: 'rackboot_dhcp',
};

const testName = ({ attacker, door }: HostileCase): string => `${attacker} (${door}), the others are served`;

/** How often each want is asked for. */
const ROUNDS = HAS_MANY_ROUNDS ? 5 : 1;

/** Describes one test for each case, in few rounds without those that are slow; in many, also one with all attacks of a door at once. */
export function standAll(): void {
  describe('while a hostile host', { skip: SKIP }, () => {
    let site: HostileSite;

    before(async () => {
      site = await HostileSite.open();
      for (const want of Object.keys(WANTS) as Want[]) await WANTS[want](site);
    });
    after(() => site?.close());

    for (const one of EVERY_CASE.filter(({ short }) => HAS_MANY_ROUNDS || short !== false)) {
      test(testName(one), () => stand(site, [one], { rounds: ROUNDS, factor: PATIENCE }));
    }
    if (!HAS_MANY_ROUNDS) return;
    for (const door of new Set(EVERY_CASE.map((one) => one.door))) {
      const cases = EVERY_CASE.filter((one) => one.door === door && one.isAboutItself !== true);
      const factor = Math.max(PATIENCE, cases.length * FACTOR_OF_ATTACKER);
      const times = Math.min(ROUNDS, TOGETHER_ROUNDS_MAX);
      test(`does all that at once (${door}), the others are served`, () =>
        stand(site, cases, { rounds: times, factor }));
    }
  });
}

interface Terms {
  /** How often each want is asked for. */
  readonly rounds: number;
  /** By how much longer each may take. */
  readonly factor: number;
}

/** During these attacks, every bystander must get what the cases say. */
async function stand(site: HostileSite, cases: readonly HostileCase[], { rounds, factor }: Terms): Promise<void> {
  const attacks: Running[] = [];
  const late: string[] = [];
  try {
    await site.restore();
    const before = await site.read();
    for (const { attack, from, words } of cases)
      attacks.push(
        await site.attack(attack, from, typeof words === 'function' ? words(site) : words, cases.length > 1),
      );
    for (const one of cases) await biting(site, one, before, cases.length === 1);
    const wanted = new Map(cases.flatMap(({ others }) => Object.entries(others) as [Want, number][]));
    for (let round = 0; round < rounds; round += 1) {
      for (const [want, limitS] of wanted) {
        const failure = await failureOf(site, want, limitS * factor);
        if (failure !== undefined) late.push(failure);
      }
    }
    // A rack that serves no client may not report its own state, either.
    const now = late.length === 0 ? await site.read() : undefined;
    for (const { keeps } of cases) {
      if (now !== undefined && keeps?.isTrue(now, before, cases.length) === false)
        late.push(`no longer: ${keeps.what}`);
    }
    for (const running of attacks)
      assert.equal(running.child.exitCode, null, `the attack continued: ${running.text()}`);
  } finally {
    for (const running of attacks) await running.end('SIGKILL');
    if (cases.some(({ leavesMachines }) => leavesMachines)) await site.removeNewMachines();
  }
  assert.ok(late.length === 0, `others are not served: ${late.join('; ')}`);
}

/**
 * Waits until the attack has filled its target: answers to bystanders before that prove nothing. Simultaneous attacks compete for the
 * processors, so then none needs its whole effect.
 */
async function biting(
  site: HostileSite,
  { attacker, bites, door }: HostileCase,
  before: Readings,
  mustBite: boolean,
): Promise<void> {
  const startedAt = systemClock.now();
  for (;;) {
    const now = await site.read();
    const passedS = (systemClock.now() - startedAt) / 1000;
    if (bites(now, before)) {
      if (process.env.HOSTILE_TIMES !== undefined) console.log(`# bites after ${passedS.toFixed(1)} s`);
      return;
    }
    if (passedS > BITE_SECONDS_MAX && !mustBite) return;
    if (passedS > BITE_SECONDS_MAX) {
      assert.fail(
        `the attacker of ${attacker} does no harm within ${BITE_SECONDS_MAX} s:\n${now.text(METRICS_OF[door])}`,
      );
    }
    await sleep(LOOK_MS);
  }
}

/** Asks again until the time is up. */
async function failureOf(site: HostileSite, want: Want, limitS: number): Promise<string | undefined> {
  const startedAt = systemClock.now();
  const secondsSince = (): number => (systemClock.now() - startedAt) / 1000;
  let last = '';
  const ask = async (): Promise<string | undefined> => {
    for (;;) {
      const failure = await WANTS[want](site).then(() => undefined, String);
      if (failure === undefined || secondsSince() > limitS) return failure;
      last = `, at last: ${failure}`;
    }
  };
  const late = delay(limitS * 1000, undefined, { ref: false }).then(() => `not within ${limitS} s${last}`);
  const failure = await Promise.race([ask(), late]);
  const seconds = secondsSince().toFixed(1);
  if (process.env.HOSTILE_TIMES !== undefined) console.log(`# ${want}: ${seconds} s`);
  return failure === undefined ? undefined : `${want}: ${failure} (${seconds} s)`;
}
