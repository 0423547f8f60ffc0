// The identity of a client: its hardware address by default, its identifier if the network says so. RFC 2131 §4.2, RFC 4361 §6.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, mac } from '../../../src/ground/address.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { ip, RACK } from '../../support/lab-facts.ts';
import { called, config, MAC_A, MAC_B, MAC_C, machine, subnet } from '../lab.ts';
import { rig } from '../responder-rig.ts';

const byIdentifier = config(subnet({ identity: 'client-id' }));

test('by hardware address, ROM, loader and system of one machine are one client', () => {
  const { lease, table } = rig(config());
  const first = lease(MAC_A, called('rom'));
  assert.equal(lease(MAC_A, called('loader')), first);
  assert.equal(lease(MAC_A), first);
  assert.equal(table.size, 1);
});

test('by identifier, two clients of one hardware address have two addresses, and keep them', () => {
  const { lease, table } = rig(byIdentifier);
  const one = lease(MAC_A, called('one'));
  const two = lease(MAC_A, called('two'));
  assert.notEqual(one, two);
  assert.equal(lease(MAC_A, called('one')), one);
  assert.equal(lease(MAC_A, called('two')), two);
  assert.equal(table.size, 2);
});

test('by identifier, a client that roams to another hardware address keeps its address', () => {
  const { lease, say, table } = rig(byIdentifier);
  const address = lease(MAC_A, called('laptop'));
  assert.equal(lease(MAC_B, called('laptop')), address);
  const renewal = { type: 'request', mac: MAC_C, ciaddr: ip(address.split(' ')[1] ?? '') } as const;
  assert.equal(say({ ...renewal, ...called('laptop') }), address);
  assert.equal(table.size, 1);
  assert.equal(table.all()[0]?.mac, MAC_C, 'the record shows where it is');
});

test('by identifier, a client that sends none is its hardware address, and distinct from those that send one', () => {
  const { lease, table } = rig(byIdentifier);
  const plain = lease(MAC_A);
  assert.notEqual(lease(MAC_A, called('system')), plain);
  assert.equal(lease(MAC_A), plain);
  assert.equal(table.size, 2);
});

test('by identifier, a client cannot renew, release or decline what another identifier holds', () => {
  const { lease, say, table } = rig(byIdentifier);
  const address = ip(lease(MAC_A, called('one')).split(' ')[1] ?? '');
  const other = { mac: MAC_A, ...called('two') };
  assert.match(say({ type: 'request', ciaddr: address, ...other }), /^nak/);
  assert.match(say({ type: 'request', requested: address, server: RACK, ...other }), /^nak/);
  assert.equal(say({ type: 'release', ciaddr: address, server: RACK, ...other }), 'silence');
  assert.equal(say({ type: 'decline', requested: address, server: RACK, ...other }), 'silence');
  assert.equal(table.find(address)?.state, 'bound');
  say({ type: 'release', ciaddr: address, server: RACK, mac: MAC_A, ...called('one') });
  assert.equal(table.find(address)?.state, 'released');
});

test('by identifier, an address on offer to one client of a hardware address is not offered to the other', () => {
  const { say } = rig(byIdentifier);
  const first = say({ type: 'discover', mac: MAC_A, ...called('one') });
  const wish = { requested: ip(first.split(' ')[1] ?? '') };
  assert.notEqual(say({ type: 'discover', mac: MAC_A, ...wish, ...called('two') }), first);
  assert.equal(say({ type: 'discover', mac: MAC_A, ...called('one') }), first);
});

test('a client’s identity outlives a restart, and follows the setting when it changes', () => {
  const before = rig(byIdentifier);
  const one = before.lease(MAC_A, called('one'));
  const two = before.lease(MAC_A, called('two'));
  const after = rig(byIdentifier, undefined, before.table.all());
  assert.equal(after.lease(MAC_B, called('one')), one);
  assert.equal(after.lease(MAC_A, called('two')), two);
  after.reload(config());
  after.clock.advance(600_000);
  assert.equal(after.lease(MAC_A, called('one')), two, 'now it is its hardware address');
  after.reload(byIdentifier);
  assert.equal(after.lease(MAC_C, called('one')), two, 'the newest address of the identifier');
});

test('a reload from identifiers to hardware addresses hands no running lease of one identifier to another, or to a client without one', () => {
  for (const other of [called('two'), {}]) {
    const before = rig(byIdentifier);
    const one = before.lease(MAC_A, called('one'));
    const address = ip(one.split(' ')[1] ?? '');
    before.reload(config());
    for (const { clock, lease, say, table } of [rig(config(), undefined, before.table.all()), before]) {
      for (let renewals = 0; renewals < 3; renewals += 1) {
        assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: address, ...called('one') }), one);
        clock.advance(300_000);
        assert.notEqual(lease(MAC_A, other), one);
        assert.match(say({ type: 'request', mac: MAC_A, requested: address, server: RACK, ...other }), /^nak/);
        assert.match(say({ type: 'request', mac: MAC_A, ciaddr: address, ...other }), /^nak/);
        assert.equal(table.find(address)?.clientId, 'one');
        assert.equal(table.find(address)?.state, 'bound');
      }
      clock.advance(600_000);
      assert.equal(say({ type: 'request', mac: MAC_A, requested: address, ...other }), one, 'it has ended');
      assert.equal(lease(MAC_A, called('one')), one, 'and is now the hardware address’s');
    }
  }
});

test('one hardware address has one address, whatever identifiers it shows and whatever it requests', () => {
  for (const server of [RACK, undefined]) {
    const { lease, say, table } = rig(config());
    const own = lease(MAC_A, called('first'));
    for (let low = 100; low < 110; low += 1) {
      const wish = { mac: MAC_A, requested: ip(`10.20.0.${low}`), server } as const;
      const answer = say({ type: 'request', ...wish, ...called(`id ${low}`) });
      if (own === `ack 10.20.0.${low}`) assert.equal(answer, own);
      else assert.match(answer, /^nak/);
      assert.deepEqual(
        table.all().map(({ state, address }) => `${state} ${formatIpv4(address)}`),
        [own.replace('ack', 'bound')],
      );
    }
    assert.match(lease(MAC_B), /^ack/, 'the range is open to all');
  }
});

test('a reload from identifiers to hardware addresses takes no running lease from any client', () => {
  for (const [first, second] of [
    [called('one'), called('two')],
    [called('one'), {}],
    [{}, called('two')],
  ] as const) {
    const { lease, reload, say, table } = rig(byIdentifier);
    const one = ip(lease(MAC_A, first).split(' ')[1] ?? '');
    const two = ip(lease(MAC_A, second).split(' ')[1] ?? '');
    reload(config());
    const running = () => [one, two].map((address) => table.find(address)?.state);
    // A renewal, a system that starts again, and one that looks for an address.
    for (const [words, address] of [
      [first, one],
      [second, two],
    ] as const) {
      const ack = `ack ${formatIpv4(address)}`;
      assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: address, ...words }), ack);
      assert.equal(say({ type: 'request', mac: MAC_A, requested: address, ...words }), ack);
      assert.equal(lease(MAC_A, words), ack);
      assert.deepEqual(running(), ['bound', 'bound']);
    }
    assert.notEqual(table.find(one)?.clientId, table.find(two)?.clientId);
  }
});

test('a reload from identifiers to hardware addresses: a lease of another identifier is not released for a new address', () => {
  const machines = new MachineDirectory([machine(MAC_A, '10.20.0.30')]);
  const { lease, reload, say, table } = rig(byIdentifier);
  const two = ip(lease(MAC_A, called('two')).split(' ')[1] ?? '');
  reload(config());
  const fixed = rig(config(), machines, table.all());
  assert.equal(fixed.lease(MAC_A, called('one')), 'ack 10.20.0.30');
  assert.equal(fixed.table.find(two)?.state, 'bound');
  say({ type: 'release', mac: MAC_A, ciaddr: two, server: RACK, ...called('one') });
  assert.equal(table.find(two)?.state, 'bound');
});

test('a reload from hardware addresses to identifiers: the last client to speak renews, and no other takes its address', () => {
  const { lease, reload, say, table } = rig(config());
  const rom = lease(MAC_A, called('rom'));
  assert.equal(lease(MAC_A, called('system')), rom);
  const address = ip(rom.split(' ')[1] ?? '');
  reload(byIdentifier);
  assert.equal(say({ type: 'request', mac: MAC_A, ciaddr: address, ...called('system') }), rom);
  assert.match(say({ type: 'request', mac: MAC_A, requested: address, server: RACK, ...called('rom') }), /^nak/);
  assert.notEqual(lease(MAC_A, called('rom')), rom);
  assert.notEqual(lease(MAC_A), rom);
  assert.equal(table.find(address)?.state, 'bound');
  assert.equal(table.find(address)?.clientId, 'system');
});

test('an open offer can still be accepted after the rule changes', () => {
  for (const [before, after] of [
    [byIdentifier, config()],
    [config(), byIdentifier],
  ] as const) {
    const { reload, say } = rig(before);
    const offer = say({ type: 'discover', mac: MAC_A, ...called('one') });
    const address = offer.split(' ')[1] ?? '';
    reload(after);
    const request = { type: 'request', mac: MAC_A, requested: ip(address), server: RACK, ...called('one') } as const;
    assert.equal(say(request), `ack ${address}`);
  }
});

test('a reservation is for its hardware address, and for its identifier anywhere', () => {
  const reserved = { mac: MAC_A, clientId: 'printer', address: ip('10.20.0.50') };
  for (const identity of ['mac', 'client-id'] as const) {
    const { lease, say } = rig(config(subnet({ identity, reservations: [reserved] })));
    assert.equal(lease(MAC_B, called('printer')), 'ack 10.20.0.50');
    assert.notEqual(say({ type: 'discover', mac: MAC_C, requested: ip('10.20.0.50') }), 'offer 10.20.0.50');
    say({ type: 'release', mac: MAC_B, ciaddr: ip('10.20.0.50'), server: RACK, ...called('printer') });
    assert.equal(lease(MAC_A, called('something else')), 'ack 10.20.0.50');
  }
});

test('one hardware address with a thousand identifiers gets no more than the range has', () => {
  const { lease, table, responder } = rig(byIdentifier);
  responder.bounds.newClients.setRate(0);
  const answers = Array.from({ length: 1000 }, (_, index) => lease(mac(0x525400000001), called(`id ${index}`)));
  assert.equal(answers.filter((answer) => answer.startsWith('ack')).length, 10);
  assert.equal(table.size, 10);
});
