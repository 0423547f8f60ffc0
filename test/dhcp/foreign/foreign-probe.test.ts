// The facts kept from another server's offer, whose sender chooses its text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composeProbe, decodeForeignOffer } from '../../../src/dhcp/foreign/foreign-probe.ts';
import { type DhcpMessage, decodeDhcpMessage, encodeDhcpMessage } from '../../../src/dhcp/wire/message.ts';
import { addressBytes, MESSAGE_TYPE, OPTION, u8Bytes } from '../../../src/dhcp/wire/options.ts';
import { hw, ip } from '../../support/lab-facts.ts';

const PROBE = { mac: hw('52:54:00:00:00:01'), xid: 7 };
const SERVER = ip('10.20.0.66');

/** The boot file kept from an offer that names one in the header, in option 67, or in both. */
function fileOf(inHeader: string, inOption?: string): string | undefined {
  const discover = decodeDhcpMessage(composeProbe(PROBE));
  assert.ok(discover.ok);
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, u8Bytes(MESSAGE_TYPE.offer)],
    [OPTION.serverIdentifier, addressBytes(SERVER)],
  ]);
  if (inOption !== undefined) options.set(OPTION.bootFileName, Buffer.from(inOption, 'latin1'));
  const offer: DhcpMessage = { ...discover.value, op: 2, file: inHeader, yiaddr: ip('10.20.0.180'), options };
  const bytes = encodeDhcpMessage(offer, 1472).bytes;
  const seen = decodeForeignOffer({ bytes, from: SERVER, mac: PROBE.mac }, PROBE);
  assert.ok(seen);
  return seen.file;
}

for (const [name, inHeader, inOption, kept] of [
  ['a plain name stays as it is', 'grub.efi', undefined, 'grub.efi'],
  ['the option comes before the header, without its padding', 'grub.efi', 'other.efi\0\0', 'other.efi'],
  ['a terminal sequence in the header is kept as escapes', '\u001b[2Jx\n', undefined, '\\x1b[2Jx\\x0a'],
  ['C1 and a soft hyphen, an octet each, are kept as escapes', '', '\u009b31m\u00adx\r\n', '\\x9b31m\\xadx\\x0d\\x0a'],
  ['a long name is cut', '', 'x'.repeat(200), `${'x'.repeat(127)}…`],
  ['no name stays none', '', undefined, undefined],
] as const) {
  test(`of the boot file in an offer, ${name}`, () => assert.equal(fileOf(inHeader, inOption), kept));
}
