import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ANY, ipv4, type MacAddress, mac } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import type { ArpPacket } from '../../../src/net/watch/arp.ts';
import { ArpProbes, PROBES_MAX, type ProbeQuestion } from '../../../src/net/watch/arp-probes.ts';

const ADDRESS = ipv4(0x0a140064);
const OTHER = ipv4(0x0a140065);
const OWN = mac(0x52540000000a);
const FORGER = mac(0x020000000066);
const HOST = mac(0x525400123456);
const QUESTION: ProbeQuestion = { id: 1, address: ADDRESS, interfaceIndex: 3, ownMac: OWN };

const said = (sender: number, senderMac: MacAddress, target: number = 0x0a140001): ArpPacket => ({
  operation: 'request',
  senderMac,
  sender: ipv4(sender),
  target: ipv4(target),
});

/** The actions due at a time, as text. */
function due(probes: ArpProbes, at: number): readonly string[] {
  const words: string[] = [];
  for (let one = probes.take(instant(at)); one !== undefined; one = probes.take(instant(at))) {
    words.push('free' in one ? `free ${one.free.id}` : `send ${one.send.id}`);
  }
  return words;
}

describe('ARP probes', () => {
  it('ask twice, and silence means that the address is free', () => {
    const probes = new ArpProbes();
    assert.equal(probes.nextAt, undefined);
    assert.ok(probes.start(QUESTION, instant(1000)));
    assert.deepEqual(due(probes, 1000), ['send 1']);
    assert.equal(probes.nextAt, 1150);
    assert.deepEqual(due(probes, 1149), []);
    assert.deepEqual(due(probes, 1150), ['send 1']);
    assert.deepEqual(due(probes, 1399), []);
    assert.deepEqual(due(probes, 1400), ['free 1']);
    assert.equal(probes.nextAt, undefined);
  });

  for (const [what, packet, user] of [
    ['an answer', said(ADDRESS, HOST), HOST],
    ['an announcement', said(ADDRESS, HOST, ADDRESS), HOST],
    ["another host's probe for the same address", said(ANY, HOST, ADDRESS), HOST],
    ["another host's probe for another address", said(ANY, HOST, OTHER), undefined],
    ['a packet about another address', said(OTHER, HOST, ADDRESS), undefined],
    ['our own probe, reflected', said(ANY, OWN, ADDRESS), undefined],
    ['a group address as sender', said(ADDRESS, mac(0xffffffffffff)), undefined],
  ] as const) {
    it(`${user === undefined ? 'are not ended by' : 'are ended by'} ${what}`, () => {
      const probes = new ArpProbes();
      probes.start(QUESTION, instant(0));
      due(probes, 0);
      assert.equal(probes.hear(packet, 4, packet.senderMac), undefined, 'on another interface');
      assert.deepEqual(probes.hear(packet, 3, packet.senderMac), user === undefined ? undefined : { id: 1, user });
      assert.deepEqual(due(probes, 10_000), user === undefined ? ['send 1'] : []);
    });
  }

  it('are answered by the host that sent the frame, whatever sender the packet names', () => {
    const probes = new ArpProbes();
    const start = (): void => {
      probes.start(QUESTION, instant(0));
      due(probes, 0);
    };
    start();
    assert.deepEqual(probes.hear(said(ADDRESS, HOST), 3, FORGER), { id: 1, user: FORGER });
    start();
    assert.equal(probes.hear(said(ADDRESS, HOST), 3, OWN), undefined, 'our own frame, reflected');
    assert.deepEqual(
      probes.hear(said(ADDRESS, HOST), 3, mac(0)),
      { id: 1, user: HOST },
      'a wire without such addresses',
    );
  });

  it('run once at a time per address and interface, and at most PROBES_MAX in all', () => {
    const probes = new ArpProbes();
    assert.ok(probes.start(QUESTION, instant(0)));
    assert.ok(!probes.start({ ...QUESTION, id: 2 }, instant(0)));
    assert.ok(probes.start({ ...QUESTION, id: 3, interfaceIndex: 4 }, instant(0)));
    for (let id = 4; id <= PROBES_MAX + 1; id += 1) {
      assert.ok(probes.start({ ...QUESTION, id, address: ipv4(0x0b000000 + id) }, instant(0)));
    }
    assert.ok(!probes.start({ ...QUESTION, id: 9999, address: OTHER }, instant(0)));
    probes.cancel(QUESTION);
    assert.ok(probes.start({ ...QUESTION, id: 9999, address: OTHER }, instant(0)));
  });
});
