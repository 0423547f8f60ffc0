// A reservation that moves while its client, or another one, holds the address by a running lease: which client gets a NAK, and when. RFC
// 2131 §4.3.2 denies what is incorrect; `decide-request.ts` says why the rest is granted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reservation } from '../../../src/dhcp/networks/config.ts';
import { formatIpv4, type Ipv4 } from '../../../src/ground/address.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { type ClientWords, config, MAC_A, MAC_B, subnet } from '../lab.ts';
import { BY_RELAY, ON_WIRE, rig } from '../responder-rig.ts';

const ANOTHER = ip('10.20.0.30');
const FURTHER = ip('10.20.0.31');
const INSIDE = ip('10.20.0.105');
const forA = (address: Ipv4): readonly Reservation[] => [{ mac: MAC_A, address }];
const forB = (address: Ipv4): readonly Reservation[] => [{ mac: MAC_B, address }];

interface Case {
  readonly name: string;
  readonly before: readonly Reservation[];
  readonly after: readonly Reservation[];
  /** The address that the client holds before. */
  readonly held: Ipv4;
  readonly isDenied: boolean;
  /** The offer it gets when it starts over; undefined: any address of the range. */
  readonly again: Ipv4 | undefined;
}

const CASES: readonly Case[] = [
  {
    name: 'another address is fixed for a client that holds one of the range',
    before: [],
    after: forA(ANOTHER),
    held: INSIDE,
    isDenied: false,
    again: ANOTHER,
  },
  {
    name: 'its reservation moves away from an address of the range',
    before: forA(INSIDE),
    after: forA(ANOTHER),
    held: INSIDE,
    isDenied: false,
    again: ANOTHER,
  },
  {
    name: 'its reservation of an address of the range is removed',
    before: forA(INSIDE),
    after: [],
    held: INSIDE,
    isDenied: false,
    again: INSIDE,
  },
  {
    name: 'its reservation moves away from an address outside the range',
    before: forA(ANOTHER),
    after: forA(FURTHER),
    held: ANOTHER,
    isDenied: true,
    again: FURTHER,
  },
  {
    name: 'its reservation of an address outside the range is removed',
    before: forA(ANOTHER),
    after: [],
    held: ANOTHER,
    isDenied: true,
    again: undefined,
  },
  {
    name: 'its address is reserved for another client',
    before: [],
    after: forB(INSIDE),
    held: INSIDE,
    isDenied: true,
    again: undefined,
  },
  {
    name: 'its reserved address is reserved for another client',
    before: forA(ANOTHER),
    after: [...forB(ANOTHER), ...forA(FURTHER)],
    held: ANOTHER,
    isDenied: true,
    again: FURTHER,
  },
];

const STATES: readonly (readonly [state: string, words: (held: Ipv4) => ClientWords, arrival: typeof ON_WIRE])[] = [
  ['RENEWING', (ciaddr) => ({ ciaddr }), BY_RELAY],
  ['REBINDING', (ciaddr) => ({ ciaddr }), ON_WIRE],
  ['INIT-REBOOT', (requested) => ({ requested }), ON_WIRE],
];

test('a running lease is denied once its client may no longer have the address, but not because another one is fixed for it', () => {
  for (const { name, before, after, held, isDenied, again } of CASES) {
    for (const [state, words, arrival] of STATES) {
      const { say, lease, reload, table } = rig(config(subnet({ reservations: before })));
      assert.equal(lease(MAC_A, { requested: held }), `ack ${formatIpv4(held)}`, name);
      reload(config(subnet({ reservations: after })));
      const answer = say({ type: 'request', mac: MAC_A, ...words(held) }, arrival);
      assert.equal(answer, isDenied ? 'nak 0.0.0.0' : `ack ${formatIpv4(held)}`, `${name}, ${state}`);
      const fresh = lease(MAC_A);
      if (again === undefined) assert.match(fresh, /^ack 10\.20\.0\.10\d$/, name);
      else assert.equal(fresh, `ack ${formatIpv4(again)}`, `${name}, again`);
      if (isDenied) assert.notEqual(ip(fresh.split(' ')[1] ?? ''), held, name);
      const mine = table.all().filter(({ mac, state: now }) => mac === MAC_A && now === 'bound');
      assert.equal(mine.length, 1, `${name}: it holds one address`);
    }
  }
});

test('a newly reserved address goes to its client when the holder starts over; until then the client gets another one', () => {
  const { say, lease, reload } = rig(config());
  lease(MAC_A, { requested: INSIDE });
  reload(config(subnet({ reservations: forB(INSIDE) })));
  assert.match(lease(MAC_B), /^ack 10\.20\.0\.10[0-46-9]$/, 'its holder still has it');
  assert.match(say({ type: 'request', mac: MAC_A, ciaddr: INSIDE }), /^nak/);
  lease(MAC_A);
  assert.equal(lease(MAC_B), 'ack 10.20.0.105');
  assert.match(say({ type: 'request', mac: MAC_A, requested: INSIDE, server: RACK }), /^nak/);
});
