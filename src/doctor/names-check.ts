// Checks the names that a rack serves: its own name, and a public one through the upstream name servers.

import { counted } from '../counted.ts';
import { errorText } from '../errors.ts';
import { formatIpv4 } from '../net/address.ts';
import { probeDns } from './dns-probe.ts';
import type { DoctorOptions } from './doctor-options.ts';
import type { Tell } from './finding.ts';
import { codeName, judgeOutside, upstreamFix } from './outside-judgement.ts';

/** A name that resolves wherever public names do. */
const OUTSIDE_NAME = 'debian.org';

/** Looks up the name of the rack, and a public name. */
export async function examineNames(options: DoctorOptions, tell: Tell): Promise<void> {
  const { config, commands } = options;
  const { dns } = config;
  const server = dns.listen[0];
  if (server === undefined) {
    tell('dns', true, 'no names are served; nothing to query');
    return;
  }
  const host = formatIpv4(server);
  const name = `${dns.selfName}.${dns.domains[0] ?? ''}`;
  try {
    const own = await probeDns(host, dns.listenPort, name);
    const ok = own.rcode === 0 && own.authoritative && own.addresses.length > 0;
    const seen = `was answered with ${codeName(own.rcode)} and ${counted(own.addresses.length, 'address', 'addresses')}`;
    tell(`dns ${name}`, ok, ok ? `is ${own.addresses.join(', ')}` : `${seen}; does another name server listen there?`);
  } catch (error) {
    tell(`dns ${name}`, false, `${errorText(error)}; is Rackboot running?`, commands.start);
    return;
  }
  if (dns.upstream.length === 0) {
    tell('dns outside', 'note', 'dns.upstream is empty: public names are refused');
    return;
  }
  const outsideName = options.outsideName ?? OUTSIDE_NAME;
  try {
    const outside = await probeDns(host, dns.listenPort, outsideName);
    const { check, ok, isNote, text, fix } = judgeOutside(outside, outsideName, dns.upstream);
    tell(check, isNote === true ? 'note' : ok, text, fix);
  } catch (error) {
    const servers = dns.upstream.map(({ address }) => formatIpv4(address)).join(', ');
    const text = `${errorText(error)}; do the servers of dns.upstream answer (${servers})?`;
    tell(`dns ${outsideName}`, false, text, upstreamFix(dns.upstream, outsideName));
  }
}
