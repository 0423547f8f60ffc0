// Judges the upstream name servers by their answer to a public name. Pure.

import { RCODE } from '../dns/message.ts';
import { formatIpv4, type Ipv4 } from '../net/address.ts';
import type { SeenAnswer } from './dns-probe.ts';
import type { Finding } from './finding.ts';

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RCODE).map(([name, code]) => [code, name]));

/** The name of an answer's code, such as `NXDOMAIN`, with the number if it has none. */
export const codeName = (rcode: number): string => NAMES.get(rcode) ?? `code ${rcode}`;

/** The remedy for upstream servers that do not answer as they should. */
export const upstreamFix = (upstream: readonly { readonly address: Ipv4 }[], name: string): string =>
  upstream.map(({ address }) => `dig @${formatIpv4(address)} ${name}`).join('; ') +
  ' asks them; `sudo rackboot config set dns.upstream [ADDRESS]` names others';

/** Judges the answer to `name`: an upstream that denies the name does answer, so that is not a fault. */
export function judgeOutside(
  { rcode, addresses }: Pick<SeenAnswer, 'rcode' | 'addresses'>,
  name: string,
  upstream: readonly { readonly address: Ipv4 }[],
): Finding {
  const check = `dns ${name}`;
  if (rcode === RCODE.NOERROR && addresses.length > 0) return { check, ok: true, text: `is ${addresses.join(', ')}` };
  const servers = upstream.map(({ address }) => formatIpv4(address)).join(', ');
  if (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN) {
    const what = rcode === RCODE.NXDOMAIN ? 'there is no such name (NXDOMAIN)' : 'the name has no address (NOERROR)';
    return { check, ok: true, isNote: true, text: `the servers of dns.upstream (${servers}) answer that ${what}` };
  }
  const text = `was answered with ${codeName(rcode)}; do the servers of dns.upstream answer (${servers})?`;
  return { check, ok: false, text, fix: upstreamFix(upstream, name) };
}
