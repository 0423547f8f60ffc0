// A cluster interface that was made for a range goes with it, and what it had stays the subnet's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4 } from '../../../src/ground/address.ts';
import type { Settings } from '../../../src/machines/settings.ts';
import { isMade, withoutMade } from '../../../src/region/api/networks/vlan-service.ts';
import { withRows } from '../../../src/region/networks/changed-rows.ts';
import { makeNetworkView } from '../../../src/region/networks/network-view.ts';
import { putEntry } from '../../../src/region/networks/service-form.ts';
import { parseClusterInterfaces } from '../../../src/region/racks/cluster-interface.ts';
import { FIRST_NETWORK_ID, NO_RECORDS } from '../../../src/region/records/network-store.ts';
import { NO_ROUTER } from '../../../src/region/records/subnet-service.ts';
import { LAB } from './network-place.ts';

const { static_ip_range_low: _low, static_ip_range_high: _high, ...WITHOUT_STATIC } = LAB;
const FAR: Settings = { network: '10.20.0.0/24', relayed: true, router_ip: '10.20.0.253' };
const MADE: Settings = { ...WITHOUT_STATIC, management: 0 };

test('a subnet keeps the router of a cluster interface that goes with its range, and others keep theirs', () => {
  let records = NO_RECORDS;
  for (const [rack, name, value] of [
    ['gone', 'far', FAR],
    ['here', 'eth1', MADE],
  ] as const) {
    const rows = putEntry(records, { rack, name, value, changedMs: 1 }, FIRST_NETWORK_ID);
    records = withRows(records, rows ?? assert.fail());
  }
  const ranges = records.ranges.map((range) => ({ ...range, username: 'admin' }));
  // The rack of the other cluster interface is gone, so it is not in force.
  const served = parseClusterInterfaces([{ name: 'eth1', ...MADE }]).map((one) => ({
    ...one,
    rack: 'here',
    rackName: 'here',
    foreignServer: undefined,
  }));
  const view = makeNetworkView({ ...records, ranges }, { served, reported: [], rackHosts: [] }, 0);
  const [range] = view.ranges;
  const service = records.services.find(({ name }) => name === 'eth1');
  assert.ok(range && service && isMade(range));
  const rows = withoutMade(view, range, service);
  const { subnets, services } = withRows(view.records, rows);
  assert.deepEqual(
    [subnets[0]?.gateway, services[0]?.router].map((router) => formatIpv4(router ?? NO_ROUTER)),
    ['10.20.0.254', '10.20.0.253'],
  );
  assert.deepEqual(
    [services.map(({ name }) => name), rows.remove],
    [['far'], { services: [service.id], ranges: [range.range.id] }],
  );
});
