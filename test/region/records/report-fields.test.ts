// The region recognises a rack's reports by the fields that the rack sends along with the sentence.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import type { RackEvent } from '../../../src/ground/event.ts';
import type { ReportFields } from '../../../src/region/records/events.ts';
import { happeningOfReport, isNetworkStart, levelOfReport } from '../../../src/region/records/machine-event.ts';
import {
  getReportFields,
  isBootDecision,
  isBootOffer,
  isDiskStart,
  isEnvironmentStart,
  isIpxeOffer,
  isKernel,
  isOfferWithFile,
  isRefused,
  isSystemOffer,
} from '../../../src/region/records/report-fields.ts';
import { selectReportParams } from '../../../src/uplink/rack-uplink.ts';

const PREDICATES = {
  isBootDecision,
  isBootOffer,
  isDiskStart,
  isEnvironmentStart,
  isIpxeOffer,
  isKernel,
  isOfferWithFile,
  isRefused,
  isSystemOffer,
};

function sent(fields: Readonly<Record<string, unknown>> & { readonly kind: string }): ReportFields {
  const event: RackEvent = { at: instant(0), mac: mac(0x525400000001), address: ipv4(0x0a140064), ...fields };
  const report = { sequence: 1, kind: event.kind, at: 0, text: 'x', mac: '52:54:00:00:00:01' };
  return getReportFields(happeningOfReport({ ...report, params: selectReportParams(event) }));
}

const offer = { kind: 'dhcp.offer', source: 'unused' };
const rendered = { kind: 'http.rendered', file: '/x.cfg' };

const CASES: readonly (readonly [what: string, fields: readonly ReportFields[], recognised: string])[] = [
  ['an offer to a running system', [sent(offer), sent({ ...offer, classes: 'lab' })], 'isSystemOffer'],
  [
    'an offer to firmware',
    [
      sent({ ...offer, client: 'bios', file: 'lpxelinux.0', loaderKey: '0' }),
      sent({ ...offer, client: 'bios', file: 'x', fileServer: '10.20.0.7' }),
      sent({ ...offer, client: 'uefi', file: 'x.efi', proxied: true }),
    ],
    'isBootOffer isOfferWithFile',
  ],
  [
    'an offer to iPXE',
    [
      sent({ ...offer, client: 'ipxe', file: 'http://r/x' }),
      sent({ ...offer, client: 'ipxe', file: 'x', proxied: true }),
    ],
    'isBootOffer isIpxeOffer isOfferWithFile',
  ],
  ['an offer without a loader', [sent({ ...offer, client: 'other', architecture: 25 })], 'isBootOffer'],
  [
    'a start of the disk',
    [sent({ ...rendered, purpose: 'local' }), sent({ ...rendered, kind: 'tftp.sent', purpose: 'local' })],
    'isBootDecision isDiskStart',
  ],
  [
    'a start of the environment',
    [sent({ ...rendered, purpose: 'commissioning' })],
    'isBootDecision isEnvironmentStart',
  ],
  ['a loader that must ask again', [sent({ ...rendered, purpose: 'chain' })], ''],
  ['another purpose', [sent({ ...rendered, purpose: 'install' })], 'isBootDecision'],
  ['a configuration of another machine', [sent(rendered)], ''],
  ['a loaded file', [sent({ kind: 'http.file-sent', file: '/initrd' }), sent({ kind: 'tftp.sent', file: 'x' })], ''],
  [
    'a loaded kernel',
    [sent({ kind: 'http.file-sent', file: 'amd64/generic/bookworm/commissioning/linux' })],
    'isKernel',
  ],
  ['an accepted report', [sent({ kind: 'http.posted', status: 200 })], ''],
  ['a refused report', [sent({ kind: 'http.posted', status: 403 })], 'isRefused'],
  ['a report of a rack without fields', [{}], ''],
];

for (const [what, reports, recognised] of CASES) {
  test(`${what} is recognised`, () => {
    for (const fields of reports) {
      const found = Object.entries(PREDICATES).flatMap(([name, is]) => (is(fields) ? [name] : []));
      assert.equal(found.sort().join(' '), recognised, JSON.stringify(fields));
    }
  });
}

test('a machine starts from the network with an offer of a file or a configuration, not as a mere IP address', () => {
  const booting = sent({ ...offer, client: 'bios', file: 'x' });
  const address = '10.20.0.7';
  const client = { mac: '52:54:00:00:00:01', address };
  assert.equal(isNetworkStart('dhcp.offer', booting, client), true);
  assert.equal(isNetworkStart('dhcp.offer', sent(offer), client), false);
  assert.equal(isNetworkStart('http.rendered', sent({ ...rendered, purpose: 'local' }), client), true);
  assert.equal(isNetworkStart('http.rendered', sent({ ...rendered, purpose: 'local' }), { address }), false);
  assert.equal(isNetworkStart('http.rendered', sent(rendered), client), false);
  assert.equal(isNetworkStart('http.file-sent', sent({ kind: 'http.file-sent', file: 'x' }), client), false);
  // Nobody knows on which network it was.
  assert.equal(isNetworkStart('dhcp.offer', booting, { mac: client.mac }), false);
});

test('traffic is DEBUG, but the answer that says what to boot is INFO', () => {
  const level = 'info';
  assert.equal(levelOfReport({ kind: 'http.rendered', level, fields: { purpose: 'local' } }), 'info');
  assert.equal(levelOfReport({ kind: 'http.rendered', level, fields: { purpose: 'chain' } }), 'debug');
  assert.equal(levelOfReport({ kind: 'dhcp.ack', level }), 'debug');
});
