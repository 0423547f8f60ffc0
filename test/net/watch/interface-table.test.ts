import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetlinkMessage } from '../../../src/net/netlink.ts';
import { InterfaceTable, isSameInterfaces } from '../../../src/net/watch/interface-table.ts';
import { ip } from '../../support/lab-facts.ts';

const interfaceOf = (index: number, name: string, up = true): NetlinkMessage => ({
  kind: 'interface',
  index,
  name,
  mac: undefined,
  up,
  carrier: up,
});
const address = (index: number, text: string, prefix = 24): NetlinkMessage => ({
  kind: 'address',
  index,
  address: ip(text),
  prefix,
});
const gone = (index: number, text: string, prefix = 24): NetlinkMessage => ({
  kind: 'address-gone',
  index,
  address: ip(text),
  prefix,
});

function shown(table: InterfaceTable): readonly string[] {
  return table.list().map((each) => {
    const addresses = each.addresses.map((one) => `${one.address % 256}/${one.prefix}`).join(',');
    return `${each.index} ${each.name} ${each.up ? 'up' : 'down'} ${addresses}`.trim();
  });
}

function tableOf(...messages: readonly NetlinkMessage[]): InterfaceTable {
  const table = new InterfaceTable();
  for (const message of messages) table.apply(message);
  return table;
}

const CASES: readonly (readonly [string, readonly NetlinkMessage[], readonly string[]])[] = [
  ['is empty at first', [], []],
  ['lists interfaces by index', [interfaceOf(3, 'b'), interfaceOf(1, 'a')], ['1 a up', '3 b up']],
  [
    'keeps an interface once, however often it is named',
    [interfaceOf(1, 'a'), interfaceOf(1, 'a', false)],
    ['1 a down'],
  ],
  [
    'keeps addresses when an interface changes',
    [interfaceOf(1, 'a'), address(1, '10.0.0.1'), interfaceOf(1, 'z')],
    ['1 z up 1/24'],
  ],
  [
    'keeps an address that is named twice once',
    [interfaceOf(1, 'a'), address(1, '10.0.0.1'), address(1, '10.0.0.1')],
    ['1 a up 1/24'],
  ],
  [
    'shows an address that is named before its interface',
    [address(1, '10.0.0.1'), interfaceOf(1, 'a')],
    ['1 a up 1/24'],
  ],
  ['does not show an address without an interface', [address(1, '10.0.0.1')], []],
  [
    'forgets the addresses with the interface',
    [interfaceOf(1, 'a'), address(1, '10.0.0.1'), { kind: 'interface-gone', index: 1 }, interfaceOf(1, 'a')],
    ['1 a up'],
  ],
  [
    'takes back only the prefix that is named',
    [interfaceOf(1, 'a'), address(1, '10.0.0.1'), address(1, '10.0.0.1', 16), gone(1, '10.0.0.1')],
    ['1 a up 1/16'],
  ],
  ['ignores the removal of unknown entries', [gone(1, '10.0.0.1'), { kind: 'interface-gone', index: 7 }], []],
  ['keeps the highest address exact', [interfaceOf(1, 'a'), address(1, '255.255.255.255', 32)], ['1 a up 255/32']],
];

describe('the table of interfaces', () => {
  for (const [name, messages, expected] of CASES) {
    it(name, () => assert.deepEqual(shown(tableOf(...messages)), expected));
  }

  it('forgets entries that a complete dump did not name', () => {
    const table = tableOf(interfaceOf(1, 'a'), address(1, '10.0.0.1'), interfaceOf(2, 'b'));
    table.startDump();
    table.apply(interfaceOf(1, 'a'));
    assert.deepEqual(shown(table), ['1 a up 1/24', '2 b up'], 'the old list stays until the dump has ended');
    table.finishDump();
    assert.deepEqual(shown(table), ['1 a up']);
  });

  it('starts over when a dump is restarted', () => {
    const table = tableOf();
    table.startDump();
    table.apply(interfaceOf(9, 'stale'));
    table.startDump();
    table.apply(interfaceOf(1, 'a'));
    table.finishDump();
    table.finishDump();
    assert.deepEqual(shown(table), ['1 a up']);
  });

  it('is bounded: interfaces beyond 4096 are ignored', () => {
    const table = new InterfaceTable();
    for (let index = 1; index <= 5000; index += 1) table.apply(interfaceOf(index, `i${index}`));
    assert.equal(table.list().length, 4096);
  });

  it('is bounded: addresses of one interface beyond 1024 are ignored', () => {
    const table = tableOf(interfaceOf(1, 'a'));
    for (let last = 0; last < 2000; last += 1) table.apply(address(1, `10.0.${last >> 8}.${last & 255}`));
    assert.equal(table.list()[0]?.addresses.length, 1024);
  });

  it('compares equal only while nothing changed', () => {
    const before = tableOf(interfaceOf(1, 'a')).list();
    assert.ok(isSameInterfaces(before, tableOf(interfaceOf(1, 'a')).list()));
    assert.ok(!isSameInterfaces(before, tableOf(interfaceOf(1, 'a', false)).list()));
    assert.ok(!isSameInterfaces(before, tableOf(interfaceOf(1, 'a'), address(1, '10.0.0.1')).list()));
  });
});
