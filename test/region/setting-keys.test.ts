import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestInterfaceKey, refuseUnknownField, splitKey } from '../../src/region/setting-keys.ts';

const FIELDS = new Set(['router_ip', 'lease_time']);

test('a key is split into the interface, whose name may contain dots, and the field, whose name may not', () => {
  for (const [key, expected] of [
    ['dns.upstream', {}],
    ['cluster_interfaces', {}],
    ['cluster_interfaces.lab', { interfaceName: 'lab' }],
    ['cluster_interfaces.eth1.100', { interfaceName: 'eth1.100' }],
    ['cluster_interfaces.lab.router_ip', { interfaceName: 'lab', field: 'router_ip' }],
    ['cluster_interfaces.eth1.100.router_ip', { interfaceName: 'eth1.100', field: 'router_ip' }],
    ['cluster_interfaces.router_ip', { interfaceName: 'router_ip' }],
  ] as const)
    assert.deepEqual(splitKey(key, FIELDS), expected, key);
});

test('a mistyped field is refused with the field that was probably meant, and an interface with dots is not', () => {
  const key = 'cluster_interfaces.lab.router_ipp';
  const refused = refuseUnknownField(key, '10.20.0.1', FIELDS);
  assert.equal(refused?.name, 'setting-unknown');
  assert.match(refused?.text ?? '', /did you mean router_ip\?$/);
  assert.equal(refuseUnknownField('cluster_interfaces.eth1.100', { router_ip: '10.20.0.1' }, FIELDS), undefined);
  assert.equal(refuseUnknownField(key, undefined, FIELDS), undefined, 'removed');
  assert.equal(refuseUnknownField('cluster_interfaces.lab', '10.20.0.1', FIELDS), undefined, 'no further part');
  assert.equal(refuseUnknownField('dns.cache.router_ipp', '10.20.0.1', FIELDS), undefined, 'of no interface');
});

test('a mistyped interface leads to the key of the most similar one, with its field', () => {
  const names = ['storage', 'eth1.100'];
  for (const [key, expected] of [
    ['cluster_interfaces.storag', 'cluster_interfaces.storage'],
    ['cluster_interfaces.storag.router_ip', 'cluster_interfaces.storage.router_ip'],
    ['cluster_interfaces.storage.router_ip', undefined],
    ['cluster_interfaces.eth1.100.router_ip', undefined],
    ['cluster_interfaces.quite-another.router_ip', undefined],
    ['dns.upstream', undefined],
  ] as const)
    assert.equal(nearestInterfaceKey(key, names, FIELDS), expected, key);
});
