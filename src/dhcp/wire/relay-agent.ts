// Option 82: what the relay says about the client's line. Sources: RFC 3046 §2, RFC 3527 (link
// selection, sub-option 5), RFC 5107 (server identifier override, sub-option 11).
//
// 1. The rack reads the option and echoes it byte for byte (RFC 3046 §2.2).

import { type Ipv4, ipv4 } from '../../ground/address.ts';

/** The sub-options that the rack reads. */
const RELAY_SUBOPTION = { circuitId: 1, remoteId: 2, linkSelection: 5, serverIdentifierOverride: 11 } as const;

export interface RelayInformation {
  /** The switch port, one character a byte. */
  readonly circuitId: string | undefined;
  /** The switch or line, one character a byte. */
  readonly remoteId: string | undefined;
  /** In the client's network, if `giaddr` is not (RFC 3527 §3). */
  readonly linkSelection: Ipv4 | undefined;
  /** The client must use it as its server, so that renewals pass the relay (RFC 5107 §4). */
  readonly serverIdentifierOverride: Ipv4 | undefined;
}

/** Sub-options after a malformed one are ignored; one of a wrong length counts as absent. */
export function readRelayInformation(option: Uint8Array): RelayInformation {
  const suboptions = new Map<number, Uint8Array>();
  let offset = 0;
  while (offset + 2 <= option.length) {
    const code = option[offset] ?? 0;
    const end = offset + 2 + (option[offset + 1] ?? 0);
    if (end > option.length) break;
    if (!suboptions.has(code)) suboptions.set(code, option.subarray(offset + 2, end));
    offset = end;
  }
  return {
    circuitId: decodeLatin1Text(suboptions.get(RELAY_SUBOPTION.circuitId)),
    remoteId: decodeLatin1Text(suboptions.get(RELAY_SUBOPTION.remoteId)),
    linkSelection: decodeAddress(suboptions.get(RELAY_SUBOPTION.linkSelection)),
    serverIdentifierOverride: decodeAddress(suboptions.get(RELAY_SUBOPTION.serverIdentifierOverride)),
  };
}

function decodeAddress(bytes: Uint8Array | undefined): Ipv4 | undefined {
  if (bytes?.length !== 4) return undefined;
  return ipv4(((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0));
}

const decodeLatin1Text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined || bytes.length === 0 ? undefined : Buffer.from(bytes).toString('latin1');
