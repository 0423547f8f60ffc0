import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MacAddress, mac } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import type { Owner } from '../../../src/net/shares/kept-apart.ts';
import type { Solicitation } from '../../../src/net/watch/net-message.ts';
import {
  BOOTING_MAX,
  BOOTING_MS,
  ROUTER_MS,
  RouterAnswers,
  SOLICITATION_MS,
  SOLICITATIONS_MAX,
} from '../../../src/net/watch/router-answers.ts';

const A = mac(0x525400000001);
const STRANGER: Owner = { rank: 'stranger', share: 'eth1' };
const MACHINE: Owner = { rank: 'machine', share: '' };
const from = (asker: MacAddress, interfaceName = 'eth1'): Solicitation => ({
  interfaceName,
  mac: asker,
  source: new Uint8Array(16),
});

function answers(): RouterAnswers {
  const decider = new RouterAnswers();
  decider.configure(['eth1']);
  return decider;
}

describe('answers to router solicitations', () => {
  it('are sent to booting machines, for as long as they boot', () => {
    const decider = answers();
    assert.equal(decider.shouldAnswer(from(mac(0x525400000002)), instant(0)), false);
    assert.equal(decider.noteBooting(A, STRANGER, instant(0)).solicitation, undefined);
    assert.equal(decider.shouldAnswer(from(A), instant(BOOTING_MS - 1)), true);
    assert.equal(decider.shouldAnswer(from(A), instant(BOOTING_MS)), false);
  });

  it('are sent when the DISCOVER follows the solicitation, unless that is too old', () => {
    const decider = answers();
    const asked = from(A);
    assert.equal(decider.shouldAnswer(asked, instant(0)), false);
    assert.equal(decider.noteBooting(A, STRANGER, instant(SOLICITATION_MS - 1)).solicitation, asked);
    assert.equal(decider.noteBooting(A, STRANGER, instant(SOLICITATION_MS - 1)).solicitation, undefined, 'once');
    const late = answers();
    late.shouldAnswer(asked, instant(0));
    assert.equal(late.noteBooting(A, STRANGER, instant(SOLICITATION_MS)).solicitation, undefined);
  });

  it('are left to a real router while there is one', () => {
    const decider = answers();
    decider.noteBooting(A, STRANGER, instant(0));
    assert.equal(decider.noteRouter('eth1', instant(0)), true);
    assert.equal(decider.noteRouter('eth1', instant(1000)), false, 'already known');
    assert.equal(decider.shouldAnswer(from(A), instant(2000)), false);
    decider.noteBooting(A, STRANGER, instant(ROUTER_MS + 1000));
    assert.equal(decider.shouldAnswer(from(A), instant(ROUTER_MS + 1000)), true, 'it has gone');
    assert.equal(decider.noteRouter('eth1', instant(ROUTER_MS + 2000)), true);
    const waiting = answers();
    waiting.shouldAnswer(from(A), instant(0));
    waiting.noteRouter('eth1', instant(1));
    assert.equal(waiting.noteBooting(A, STRANGER, instant(2)).solicitation, undefined, 'also for a kept solicitation');
  });

  it('are sent only where they are configured', () => {
    const decider = answers();
    decider.noteBooting(A, STRANGER, instant(0));
    assert.equal(decider.shouldAnswer(from(A, 'eth2'), instant(1)), false);
    assert.equal(decider.shouldAnswer(from(A), instant(1)), true);
    decider.configure([]);
    assert.equal(decider.shouldAnswer(from(A), instant(2)), false);
  });

  it('keep no more machines and solicitations than their bounds', () => {
    const decider = answers();
    for (let index = 0; index <= BOOTING_MAX; index += 1)
      decider.noteBooting(mac(0x525400100000 + index), STRANGER, instant(0));
    assert.equal(decider.shouldAnswer(from(mac(0x525400100000)), instant(1)), false);
    assert.equal(decider.shouldAnswer(from(mac(0x525400100001)), instant(1)), true);
    const kept = answers();
    for (let index = 0; index <= SOLICITATIONS_MAX; index += 1)
      kept.shouldAnswer(from(mac(0x525400100000 + index)), instant(0));
    assert.equal(kept.noteBooting(mac(0x525400100000), STRANGER, instant(1)).solicitation, undefined);
    assert.notEqual(kept.noteBooting(mac(0x525400100001), STRANGER, instant(1)).solicitation, undefined);
  });

  it('keep a machine of the region, whatever hosts strangers invent', () => {
    const decider = answers();
    decider.noteBooting(A, MACHINE, instant(0));
    for (let index = 0; index <= BOOTING_MAX; index += 1)
      decider.noteBooting(mac(0x525400100000 + index), STRANGER, instant(0));
    assert.equal(decider.shouldAnswer(from(A), instant(1)), true);
  });

  it('announce a boot to the listening thread once a minute', () => {
    const decider = answers();
    const isToTell = (atMs: number): boolean => decider.noteBooting(A, MACHINE, instant(atMs)).isToReport;
    assert.deepEqual([0, 1, 59_999, 60_000, 60_001].map(isToTell), [true, false, false, true, false]);
  });
});
