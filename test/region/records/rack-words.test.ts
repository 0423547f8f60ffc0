// The region recognises a rack's reports by their sentences: by those of this version, and by those of earlier ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../../../src/clock.ts';
import type { RackEvent } from '../../../src/event.ts';
import { ipv4, mac } from '../../../src/net/address.ts';
import { eventText } from '../../../src/observe/event-text.ts';
import {
  isBootDecision,
  isBootOffer,
  isConfiguration,
  isDiskStart,
  isEnvironmentStart,
  isIpxeOffer,
  isOfferWithFile,
} from '../../../src/region/records/rack-words.ts';

const WORDS = {
  isBootDecision,
  isBootOffer,
  isConfiguration,
  isDiskStart,
  isEnvironmentStart,
  isIpxeOffer,
  isOfferWithFile,
};

/** The sentence of an event of a machine with a known hardware address. */
function said(fields: Readonly<Record<string, unknown>> & { readonly kind: string }): string {
  const event: RackEvent = { at: instant(0), mac: mac(0x525400000001), address: ipv4(0x0a140064), ...fields };
  return eventText(event, undefined);
}

const offer = { kind: 'dhcp.offer', source: 'unused' };
const rendered = { kind: 'http.rendered', file: '/x.cfg' };

const CASES: readonly (readonly [what: string, sentences: readonly string[], recognised: string])[] = [
  [
    'an offer to a running system',
    [
      said(offer),
      said({ ...offer, classes: 'lab', waitedSeconds: 4 }),
      'Asked for an address and was offered 10.20.0.10',
    ],
    '',
  ],
  [
    'an offer to firmware',
    [
      said({ ...offer, client: 'bios', file: 'lpxelinux.0', planReason: 'BIOS, PXE' }),
      said({ ...offer, source: undefined, client: 'bios', file: 'lpxelinux.0' }),
      said({ ...offer, client: 'bios', file: 'x', fileServer: '10.20.0.7', classes: 'a, b', waitedSeconds: 4 }),
      said({ ...offer, client: 'uefi', file: 'x.efi', planReason: 'UEFI amd64, PXE', proxied: true }),
      'Asked for an address and was offered 10.20.0.10; to load x, because it is BIOS, PXE',
    ],
    'isBootOffer isOfferWithFile',
  ],
  [
    'an offer to iPXE',
    [
      said({ ...offer, client: 'ipxe', file: 'http://r/x', planReason: 'iPXE' }),
      said({ ...offer, client: 'ipxe', file: 'http://r/x', planReason: 'iPXE', classes: 'lab' }),
      said({ ...offer, client: 'ipxe', file: 'http://r/x', planReason: 'iPXE', proxied: true }),
      'Asked for an address and was offered 10.20.0.10; to load http://r/x, because it is iPXE',
    ],
    'isBootOffer isIpxeOffer isOfferWithFile',
  ],
  [
    'an offer without a loader',
    [
      said({ ...offer, client: 'other', architecture: 25 }),
      said({ ...offer, client: 'other', architecture: 25, proxied: true }),
      'Asked for an address and was offered 10.20.0.10; nothing to load: there is no loader for other, architecture 25',
    ],
    'isBootOffer',
  ],
  [
    'a start of the disk',
    [said({ ...rendered, purpose: 'local' }), 'Got its configuration x by HTTP and is told to start its own disk'],
    'isBootDecision isConfiguration isDiskStart',
  ],
  [
    'a start of the environment',
    [
      said({ ...rendered, purpose: 'commissioning' }),
      'Got its configuration x by HTTP and is told to run the ephemeral environment',
    ],
    'isBootDecision isConfiguration isEnvironmentStart',
  ],
  [
    'a loader that must ask again',
    [
      said({ ...rendered, purpose: 'chain' }),
      'Got its configuration x by HTTP and is told to ask again and say who it is',
    ],
    'isConfiguration',
  ],
  [
    'another purpose',
    [said({ ...rendered, purpose: 'install' }), 'Got its configuration x by HTTP and is told to install its system'],
    'isBootDecision isConfiguration',
  ],
  [
    'a start of the disk of a client without a known hardware address',
    [said({ ...rendered, purpose: 'local', mac: undefined })],
    'isBootDecision isDiskStart',
  ],
  ['a loaded file', [said({ kind: 'http.file-sent', file: '/linux' }), 'Loaded /linux by HTTP: 8.0 MiB in 2 s'], ''],
];

for (const [what, sentences, recognised] of CASES) {
  test(`${what} is recognised`, () => {
    for (const sentence of sentences) {
      const found = Object.entries(WORDS).flatMap(([name, is]) => (is(sentence) ? [name] : []));
      assert.equal(found.sort().join(' '), recognised, sentence);
    }
  });
}
