// The neighbour from hell: each case of cases.ts on a rack that runs whole. While the attack lasts, the others must get what the case
// says within its time. Afterwards the rack must have let go of what the attacker held.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep, systemClock } from '../../src/clock.ts';
import { missing } from '../support/needs.ts';
import { CASES, WANTS, type Want } from './cases.ts';
import { HostileSite } from './site.ts';

const skip = missing('linux', 'root', 'ip', 'curl', 'dig', 'udhcpc');
/** How often each is asked for while an attack lasts. */
const ROUNDS = Number(process.env.HOSTILE_ROUNDS ?? 1);

describe('while a hostile host', { skip }, () => {
  let site: HostileSite;

  before(async () => {
    site = await HostileSite.open();
    for (const want of Object.keys(WANTS) as Want[]) await WANTS[want](site);
  });
  after(() => site?.close());

  for (const { door, attacker, attack, from, words, others } of CASES) {
    test(`${attacker} (${door}), the others are served`, { timeout: 240_000 }, async () => {
      const running = await site.attack(attack, from, words);
      const late: string[] = [];
      try {
        for (let round = 0; round < ROUNDS; round += 1) {
          for (const [want, limitS] of Object.entries(others) as [Want, number][]) {
            const startedAt = systemClock.now();
            const failure = await Promise.race([
              WANTS[want](site).then(() => undefined, String),
              sleep(limitS * 1000).then(() => `not within ${limitS} s`),
            ]);
            const took = ((systemClock.now() - startedAt) / 1000).toFixed(1);
            if (process.env.HOSTILE_TIMES) console.log(`${attack}: ${want}: ${took} s`);
            if (failure !== undefined) late.push(`${want}: ${failure} (${took} s)`);
          }
        }
        assert.equal(running.child.exitCode, null, `the attack went on: ${running.text()}`);
      } finally {
        await running.end('SIGKILL');
      }
      assert.deepEqual(late, []);
    });
  }
});
