// Runs the cases of cases.ts against a rack that runs whole: while an attack lasts, the others must get what the case says within its time.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep, systemClock } from '../../src/clock.ts';
import type { Running } from '../e2e/rack-network.ts';
import { missing } from '../support/needs.ts';
import { CASES, type HostileCase, WANTS, type Want } from './cases.ts';
import { HostileSite } from './site.ts';

const skip = missing('linux', 'root', 'ip', 'curl', 'dig', 'udhcpc');
/** With everything attacked at once, two processors are shared by all attackers, too. */
const TOGETHER_FACTOR = 4;

/** Describes one test for each case; each want is asked for `rounds` times. `together`: then all attacks of a door at once, too. */
export function standAll(rounds: number, together: boolean): void {
  describe('while a hostile host', { skip }, () => {
    let site: HostileSite;

    before(async () => {
      site = await HostileSite.open();
      for (const want of Object.keys(WANTS) as Want[]) await WANTS[want](site);
    });
    after(() => site?.close());

    for (const one of CASES) {
      test(`${one.attacker} (${one.door}), the others are served`, { timeout: rounds * 240_000 }, () =>
        stand(site, [one], rounds, 1),
      );
    }
    if (!together) return;
    for (const door of new Set(CASES.map((one) => one.door))) {
      test(`does all that at once (${door}), the others are served`, { timeout: rounds * 240_000 }, () =>
        stand(
          site,
          CASES.filter((one) => one.door === door),
          rounds,
          TOGETHER_FACTOR,
        ),
      );
    }
  });
}

async function stand(site: HostileSite, cases: readonly HostileCase[], rounds: number, factor: number): Promise<void> {
  const attacks: Running[] = [];
  const late: string[] = [];
  try {
    for (const { attack, from, words } of cases) attacks.push(await site.attack(attack, from, words));
    const wanted = new Map(cases.flatMap(({ others }) => Object.entries(others) as [Want, number][]));
    for (let round = 0; round < rounds; round += 1) {
      for (const [want, limitS] of wanted) {
        const failure = await failureOf(site, want, limitS * factor);
        if (failure !== undefined) late.push(failure);
      }
    }
    for (const running of attacks) assert.equal(running.child.exitCode, null, `the attack went on: ${running.text()}`);
  } finally {
    for (const running of attacks) await running.end('SIGKILL');
  }
  assert.deepEqual(late, []);
}

async function failureOf(site: HostileSite, want: Want, limitS: number): Promise<string | undefined> {
  const startedAt = systemClock.now();
  const failure = await Promise.race([
    WANTS[want](site).then(() => undefined, String),
    sleep(limitS * 1000).then(() => `not within ${limitS} s`),
  ]);
  const seconds = ((systemClock.now() - startedAt) / 1000).toFixed(1);
  if (process.env.HOSTILE_TIMES !== undefined) console.log(`# ${want}: ${seconds} s`);
  return failure === undefined ? undefined : `${want}: ${failure} (${seconds} s)`;
}
