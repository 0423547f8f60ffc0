// Events that people follow are INFO; those of machines and racks at routine work are DEBUG. The start of a server is not a request.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_TYPES, getEventType } from '../../../src/region/records/machine-event.ts';
import { EVENT_KINDS } from '../../../src/region/reports/reported.ts';

/** The types at INFO: states, installation steps, erasures, switched power, and what becomes of racks. */
const FOLLOWED =
  'NEW NODE_CHANGED_STATUS NODE_DISK_WRITTEN NODE_ERASING_EVENT NODE_INSTALL_EVENT NODE_POWERED_OFF NODE_POWERED_ON NODE_POWER_REPORTED ' +
  'RACK_BACK RACK_REGISTERED REGION_IMPORT_INFO';
/** The types at DEBUG: traffic, and signals of machines at work. */
const TRAFFIC =
  'NODE_COMMISSIONING_EVENT NODE_DHCP_EVENT NODE_DNS_EVENT NODE_HTTP_REQUEST NODE_PXE_REQUEST NODE_RACK_EVENT NODE_RESCUE_EVENT ' +
  'NODE_STATUS_EVENT NODE_TESTING_EVENT NODE_TFTP_REQUEST';

test('states, installation steps, erasures and switched power are INFO; requests and signals are DEBUG', () => {
  const at = (wanted: string): string =>
    Object.entries(EVENT_TYPES)
      .flatMap(([type, { level }]) => (level === wanted ? [type] : []))
      .sort()
      .join(' ');
  assert.equal(at('info'), FOLLOWED);
  assert.equal(at('debug'), TRAFFIC);
});

test('no event of a server itself has the type of a request', () => {
  const isOfServer = /\.(?:listening|listener-waiting|socket-open|socket-failed)$/;
  const own = [...EVENT_KINDS.keys()].filter((kind) => isOfServer.test(kind));
  assert.ok(own.includes('tftp.listening') && own.includes('http.listening') && own.includes('dhcp.socket-open'));
  for (const kind of own) assert.equal(EVENT_TYPES[getEventType(kind)].title, 'Rack', kind);
  assert.equal(EVENT_TYPES[getEventType('tftp.sent')].title, 'TFTP Request');
});
