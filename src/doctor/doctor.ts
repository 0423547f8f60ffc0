// `rackboot doctor`: queries a running rack as a machine would, with other projects' client code,
// and reports in plain words what is wrong. It changes nothing: it leases no address and makes no
// machine.
//
// 1. Optional things that are missing (images for an architecture, an upstream name server) are
//    notes, not faults.
// 2. Its queries use their own hardware addresses (`own-probes.ts`): the rack reports them only in
//    its log at DEBUG.
// 3. Without a daemon it sends no queries: each silence would count as a separate fault.

import dns2 from 'dns2';
import { findEndpointFor, formatBaseUrl } from '../boot/endpoint.ts';
import { isBuiltInLoader } from '../config/absent-loaders.ts';
import { RCODE } from '../dns/message.ts';
import { formatIpv4, type Ipv4 } from '../ground/address.ts';
import { counted } from '../ground/counted.ts';
import { errorText } from '../ground/errors.ts';
import { Causes } from './causes.ts';
import type { DoctorOptions } from './doctor-options.ts';
import { answerWithin, type Finding, type Tell } from './finding.ts';
import { examineGrub } from './grub-check.ts';
import { judgeGateways, judgeHost, judgePorts } from './host-judgement.ts';
import { probeHttp } from './http-probe.ts';
import { buildCommand, examineInstalled, examineLoader } from './loader-check.ts';
import { examineOffers, type OfferedFile } from './offers-check.ts';
import { examineImages, examineProfiles, examineStore, examineTree } from './tree-check.ts';

// Queries the running DNS server with the `dns2` package.

const ANSWER_MS_MAX = 5000;

interface SeenAnswer {
  /** RFC 1035 §4.1.1: 0 no error, 2 server failure, 3 no such name, 5 refused. */
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly addresses: readonly string[];
}

/** The addresses of `name`. Rejects if no answer comes. */
async function probeDns(host: string, port: number, name: string): Promise<SeenAnswer> {
  const resolve = dns2.UDPClient({ dns: host, port, timeout: ANSWER_MS_MAX });
  const answer = await answerWithin(ANSWER_MS_MAX + 500, `${name} from ${host}:${port}`, resolve(name, 'A'));
  const addresses = answer.answers.flatMap((record) =>
    'address' in record && typeof record.address === 'string' ? [record.address] : [],
  );
  const { aa, rcode } = answer.header;
  return { rcode, authoritative: aa === 1, addresses };
}

// Judges the upstream name servers by their answer to a public name. Pure.

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RCODE).map(([name, code]) => [code, name]));

/** The name of an answer's code, such as `NXDOMAIN`, with the number if it has none. */
const codeName = (rcode: number): string => NAMES.get(rcode) ?? `code ${rcode}`;

/** The remedy for upstream servers that do not answer as they should. */
const upstreamFix = (upstream: readonly { readonly address: Ipv4 }[], name: string): string =>
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

// Checks the names that a rack serves: its own name, and a public one through the upstream name servers.

/** A name that resolves wherever public names do. */
const OUTSIDE_NAME = 'debian.org';

/** Looks up the name of the rack, and a public name. */
async function examineNames(options: DoctorOptions, tell: Tell): Promise<void> {
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
    tell(`dns ${name}`, false, `${errorText(error)}; is Rackboot running?`, commands.start, 'rack/dns');
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

/** The remedy for a fault whose line already names one, or that has many causes. */
const ANY_FIX = 'as the line says; `sudo rackboot events --level warning` and docs/troubleshooting.md say more';

/** Runs every check for this configuration. @returns true if all of them passed */
export async function examine(options: DoctorOptions): Promise<boolean> {
  let healthy = true;
  const told = new Set<string>();
  const causes = new Causes(({ cause: _, ...finding }) => options.onFinding(finding));
  const tell: Tell = (check, ok, text, exactFinding, cause) => {
    // A note of the rack may be judged with the host.
    if (ok === 'note' && told.has(text)) return;
    told.add(text);
    healthy &&= ok !== false;
    const fix = exactFinding ?? (ok === false ? ANY_FIX : undefined);
    const finding: Finding = { check, ok: ok !== false, text, ...(ok === 'note' ? { isNote: true } : {}), cause };
    causes.add(fix === undefined ? finding : { ...finding, fix });
  };
  await examineAll(options, tell);
  causes.end();
  return healthy;
}

async function examineAll(options: DoctorOptions, tell: Tell): Promise<void> {
  const { config } = options;
  const { start } = options.commands;
  for (const { check, ok, isNote, text, fix, cause } of [
    ...(options.host === undefined ? [] : judgeHost(config, options.host)),
    ...judgePorts(options.ports),
    ...judgeGateways(config.dhcp.subnets, options.gateways),
  ])
    tell(check, isNote === true ? 'note' : ok, text, fix, cause);
  if (!options.isRunning) {
    tell('rackboot', false, `is not running, so there is nothing to query; run: ${start}`, start);
    if (await examineTree(options, tell)) {
      await examineFiles(options, tell);
      examineGrub(config, options.commands.config, tell);
    }
    return;
  }
  if (options.isSilent === true) {
    const restart = start.replace('systemctl start', 'systemctl restart');
    tell('rackboot', false, `runs, but does not answer commands; start it again: ${restart}`, restart, 'rack');
  }
  const { findings = [] } = options.running ?? {};
  for (const { check, text, isNote, fix, cause } of findings) tell(check, isNote ? 'note' : false, text, fix, cause);
  if (config.dhcp.subnets.length === 0 && findings.every(({ check }) => check !== 'networks'))
    tell('dhcp', 'note', `no network is managed, so no machine is served: ${options.commands.network}`);
  const isServed = (name: string) => findings.every(({ check, isNote }) => isNote || check !== `network ${name}`);
  const files = new Map<string, OfferedFile>();
  for (const subnet of config.dhcp.subnets.filter(({ name }) => isServed(name))) {
    const { interfaceName, serverAddress } = subnet;
    if (interfaceName === undefined || serverAddress === undefined) {
      tell(`dhcp ${subnet.name}`, 'note', 'is reached only through relay agents; query it from there');
      continue;
    }
    for (const offered of await examineOffers(options, subnet, { interfaceName, serverAddress }, tell))
      files.set(offered.file, offered);
    await examineRegion(options, subnet.name, serverAddress, tell);
  }
  if (await examineTree(options, tell)) await examineFiles(options, tell);
  for (const { file, server, cpu } of files.values()) {
    const build = isBuiltInLoader(file) ? buildCommand(cpu, options.commands.config) : undefined;
    await examineLoader({ config, file, server, build, tell });
  }
  await examineNames(options, tell);
}

/** The files of a tree that can be read. */
async function examineFiles(options: DoctorOptions, tell: Tell): Promise<void> {
  const { boot } = options.config;
  examineImages(options, tell);
  examineProfiles(boot, tell);
  examineStore(boot.tree, options.commands.config, tell);
  await examineInstalled(boot.tree, options.commands.config, tell);
}

/** Running machines report to the region through the boot HTTP listener. */
async function examineRegion(
  { config, commands }: DoctorOptions,
  subnet: string,
  serverAddress: Ipv4,
  tell: Tell,
): Promise<void> {
  const check = `region from ${subnet}`;
  const endpoint = findEndpointFor(config.boot.http, serverAddress);
  if (endpoint === undefined) {
    tell(check, false, 'cannot be reached by machines: boot.http.listen names no address that they can reach');
    return;
  }
  const url = `${formatBaseUrl(endpoint)}/MAAS/api/version/`;
  try {
    await probeHttp(url);
    tell(check, true, `answers at ${url}`);
  } catch (error) {
    const text = `does not answer: ${errorText(error)}. See \`rackboot status${commands.config}\``;
    tell(check, false, text, `sudo rackboot status${commands.config}`, 'rack/region');
  }
}
