import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MacAddress, mac } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import type { Owner } from '../../../src/net/shares/kept-apart.ts';
import { SOLICITATION_MS, SOLICITATIONS_MAX } from '../../../src/net/watch/router-answers.ts';
import {
  BOOTING_STRANGERS_RATE,
  SENDER_RATE,
  SENDERS_MAX,
  SolicitationGate,
  UNKNOWN_SENDERS_RATE,
} from '../../../src/net/watch/solicitation-gate.ts';

const MACHINE: Owner = { rank: 'machine', share: '' };
const STRANGER: Owner = { rank: 'stranger', share: 'eth1' };
const A = mac(0x525400000001);
const LOUD = mac(0x525400000666);
const invented = (index: number): MacAddress => mac(0x0200_0000_0000 + index);

/** How many of `count` solicitations within one second pass. */
function passed(gate: SolicitationGate, count: number, sender: (index: number) => MacAddress): number {
  let through = 0;
  for (let index = 0; index < count; index += 1) {
    if (gate.allows(sender(index), instant((index * 1000) / count))) through += 1;
  }
  return through;
}

describe('solicitations that pass', () => {
  it('are few from a sender that never pauses, and those of others still pass', () => {
    const gate = new SolicitationGate();
    assert.ok(passed(gate, 10_000, () => LOUD) <= SENDER_RATE.burst + SENDER_RATE.perSecond);
    assert.equal(gate.allows(A, instant(1000)), true);
  });

  it('include those of a booting machine, whatever senders a host invents', () => {
    for (const owner of [MACHINE, STRANGER]) {
      const gate = new SolicitationGate();
      gate.noteBooting(A, owner, instant(0));
      const through = passed(gate, 100_000, invented);
      assert.ok(through <= UNKNOWN_SENDERS_RATE.burst + UNKNOWN_SENDERS_RATE.perSecond, `${through}`);
      assert.equal(gate.allows(invented(1_000_000), instant(1000)), false, 'the others are at their bound');
      assert.equal(gate.allows(A, instant(1000)), true);
    }
  });

  it('include those of a machine of the region, even while strangers keep booting', () => {
    const gate = new SolicitationGate();
    gate.noteBooting(A, MACHINE, instant(0));
    for (let index = 0; index < 20_000; index += 1) gate.noteBooting(invented(index), STRANGER, instant(0));
    passed(gate, 20_000, invented);
    assert.equal(gate.allows(A, instant(1000)), true);
  });

  it('are limited to BOOTING_STRANGERS_RATE for booting strangers, without reducing those of other hosts', () => {
    const gate = new SolicitationGate();
    const room = BOOTING_STRANGERS_RATE.burst;
    for (let index = 0; index <= room; index += 1) gate.noteBooting(invented(index), STRANGER, instant(0));
    for (let index = 0; index < room; index += 1) assert.equal(gate.allows(invented(index), instant(0)), true);
    assert.equal(gate.allows(invented(room), instant(0)), false);
    assert.equal(gate.allows(A, instant(0)), true);
    assert.equal(gate.allows(invented(room), instant(1000)), true);
  });

  it('are so few that none that waits for a DISCOVER is displaced', () => {
    assert.ok(
      UNKNOWN_SENDERS_RATE.burst + (UNKNOWN_SENDERS_RATE.perSecond * SOLICITATION_MS) / 1000 < SOLICITATIONS_MAX,
    );
  });

  it('start over for a sender that was forgotten', () => {
    const through = (others: number): number => {
      const gate = new SolicitationGate();
      for (let index = 0; index < SENDER_RATE.burst; index += 1) gate.allows(A, instant(0));
      assert.equal(gate.allows(A, instant(0)), false);
      for (let index = 0; index < others; index += 1) gate.allows(invented(index), instant(0));
      return Array.from({ length: SENDER_RATE.burst }, () => gate.allows(A, instant(1000))).filter(Boolean).length;
    };
    assert.equal(through(SENDERS_MAX - 1), SENDER_RATE.perSecond);
    assert.equal(through(SENDERS_MAX), SENDER_RATE.burst);
  });
});
