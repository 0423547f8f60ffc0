// `rackboot doctor`: queries a running rack as a machine would, with other projects' client code,
// and reports in plain words what is wrong. It changes nothing: it leases no address and makes no
// machine.
//
// 1. Optional things that are missing (images for an architecture, an upstream name server) are
//    notes, not faults.
// 2. Its queries use their own hardware addresses (`own-probes.ts`): the rack reports them only in
//    its log at DEBUG.
// 3. Without a daemon it sends no queries, because each missing answer would count as a separate
//    fault.

import dns2 from 'dns2';
import { findEndpointFor, formatBaseUrl } from '../boot/endpoint.ts';
import { isBuiltInLoader } from '../config/absent-loaders.ts';
import { RCODE } from '../dns/message.ts';
import { formatIpv4, type Ipv4 } from '../ground/address.ts';
import { counted } from '../ground/counted.ts';
import { errorText } from '../ground/errors.ts';
import { Causes } from './causes.ts';
import type { DoctorOptions } from './doctor-options.ts';
import { answerWithin, type Finding, type ReportFinding } from './finding.ts';
import { examineGrub } from './grub-check.ts';
import { judgeGateways, judgeHost, judgePorts } from './host-judgement.ts';
import { probeHttp } from './http-probe.ts';
import { buildCommand, examineInstalled, examineLoader } from './loader-check.ts';
import { examineOffers, type OfferedFile } from './offers-check.ts';
import { examineImages, examineProfiles, examineStore, examineTree } from './tree-check.ts';

// Queries the running DNS server with the `dns2` package.

const ANSWER_MS_MAX = 5000;

interface DnsAnswer {
  /** RFC 1035 §4.1.1: 0 no error, 2 server failure, 3 no such name, 5 refused. */
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly addresses: readonly string[];
}

/** Looks up the addresses of `name`. Rejects if no answer comes. */
async function probeDns(host: string, port: number, name: string): Promise<DnsAnswer> {
  const resolve = dns2.UDPClient({ dns: host, port, timeout: ANSWER_MS_MAX });
  const answer = await answerWithin(ANSWER_MS_MAX + 500, `${name} from ${host}:${port}`, resolve(name, 'A'));
  const addresses = answer.answers.flatMap((record) =>
    'address' in record && typeof record.address === 'string' ? [record.address] : [],
  );
  const { aa, rcode } = answer.header;
  return { rcode, authoritative: aa === 1, addresses };
}

// Judges the upstream name servers by their answer to a public name. Pure.

const RCODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RCODE).map(([name, code]) => [code, name]));

/** The name of an answer's code, such as `NXDOMAIN`, with the number if it has none. */
const formatRcode = (rcode: number): string => RCODE_NAMES.get(rcode) ?? `code ${rcode}`;

/** The remedy for upstream servers that do not answer as they should. */
const upstreamRemedy = (upstream: readonly { readonly address: Ipv4 }[], name: string): string =>
  upstream.map(({ address }) => `dig @${formatIpv4(address)} ${name}`).join('; ') +
  ' asks them; `sudo rackboot config set dns.upstream [ADDRESS]` names others';

/** Judges the answer to `name`: an upstream that denies the name does answer, so that is not a fault. */
export function judgePublicName(
  { rcode, addresses }: Pick<DnsAnswer, 'rcode' | 'addresses'>,
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
  const text = `was answered with ${formatRcode(rcode)}; do the servers of dns.upstream answer (${servers})?`;
  return { check, ok: false, text, fix: upstreamRemedy(upstream, name) };
}

// Checks the names that a rack serves: its own name, and a public one through the upstream name servers.

/** A name that resolves wherever public names do. */
const PUBLIC_NAME = 'debian.org';

/** Looks up the name of the rack, and a public name. */
async function examineNames(options: DoctorOptions, report: ReportFinding): Promise<void> {
  const { config, commands } = options;
  const { dns } = config;
  const server = dns.listen[0];
  if (server === undefined) {
    report('dns', true, 'no names are served; nothing to query');
    return;
  }
  const host = formatIpv4(server);
  const name = `${dns.selfName}.${dns.domains[0] ?? ''}`;
  try {
    const ownAnswer = await probeDns(host, dns.listenPort, name);
    const ok = ownAnswer.rcode === 0 && ownAnswer.authoritative && ownAnswer.addresses.length > 0;
    const answerText = `was answered with ${formatRcode(ownAnswer.rcode)} and ${counted(ownAnswer.addresses.length, 'address', 'addresses')}`;
    report(
      `dns ${name}`,
      ok,
      ok ? `is ${ownAnswer.addresses.join(', ')}` : `${answerText}; does another name server listen there?`,
    );
  } catch (error) {
    report(`dns ${name}`, false, `${errorText(error)}; is Rackboot running?`, commands.start, 'rack/dns');
    return;
  }
  if (dns.upstream.length === 0) {
    report('dns outside', 'note', 'dns.upstream is empty: public names are refused');
    return;
  }
  const publicName = options.publicName ?? PUBLIC_NAME;
  try {
    const publicAnswer = await probeDns(host, dns.listenPort, publicName);
    const { check, ok, isNote, text, fix } = judgePublicName(publicAnswer, publicName, dns.upstream);
    report(check, isNote === true ? 'note' : ok, text, fix);
  } catch (error) {
    const servers = dns.upstream.map(({ address }) => formatIpv4(address)).join(', ');
    const text = `${errorText(error)}; do the servers of dns.upstream answer (${servers})?`;
    report(`dns ${publicName}`, false, text, upstreamRemedy(dns.upstream, publicName));
  }
}

/** The remedy for a fault whose line already names one, or that has many causes. */
const GENERAL_FIX = 'as the line says; `sudo rackboot events --level warning` and docs/troubleshooting.md say more';

/** Runs every check for this configuration. @returns true if all of them passed */
export async function examine(options: DoctorOptions): Promise<boolean> {
  let healthy = true;
  const reportedTexts = new Set<string>();
  const causes = new Causes(({ cause: _, ...finding }) => options.onFinding(finding));
  const report: ReportFinding = (check, ok, text, exactFix, cause) => {
    // The checks of the host may already have reported this note of the rack.
    if (ok === 'note' && reportedTexts.has(text)) return;
    reportedTexts.add(text);
    healthy &&= ok !== false;
    const fix = exactFix ?? (ok === false ? GENERAL_FIX : undefined);
    const finding: Finding = { check, ok: ok !== false, text, ...(ok === 'note' ? { isNote: true } : {}), cause };
    causes.add(fix === undefined ? finding : { ...finding, fix });
  };
  await examineAll(options, report);
  causes.end();
  return healthy;
}

async function examineAll(options: DoctorOptions, report: ReportFinding): Promise<void> {
  const { config } = options;
  const { start } = options.commands;
  for (const { check, ok, isNote, text, fix, cause } of [
    ...(options.host === undefined ? [] : judgeHost(config, options.host)),
    ...judgePorts(options.ports),
    ...judgeGateways(config.dhcp.subnets, options.gateways),
  ])
    report(check, isNote === true ? 'note' : ok, text, fix, cause);
  if (!options.isRunning) {
    report('rackboot', false, `is not running, so there is nothing to query; run: ${start}`, start);
    if (await examineTree(options, report)) {
      await examineFiles(options, report);
      examineGrub(config, options.commands.config, report);
    }
    return;
  }
  if (options.isSilent === true) {
    const restart = start.replace('systemctl start', 'systemctl restart');
    report('rackboot', false, `runs, but does not answer commands; start it again: ${restart}`, restart, 'rack');
  }
  const { findings = [] } = options.running ?? {};
  for (const { check, text, isNote, fix, cause } of findings) report(check, isNote ? 'note' : false, text, fix, cause);
  if (config.dhcp.subnets.length === 0 && findings.every(({ check }) => check !== 'networks'))
    report('dhcp', 'note', `no network is managed, so no machine is served: ${options.commands.network}`);
  const isServed = (name: string) => findings.every(({ check, isNote }) => isNote || check !== `network ${name}`);
  const offeredFiles = new Map<string, OfferedFile>();
  for (const subnet of config.dhcp.subnets.filter(({ name }) => isServed(name))) {
    const { interfaceName, serverAddress } = subnet;
    if (interfaceName === undefined || serverAddress === undefined) {
      report(`dhcp ${subnet.name}`, 'note', 'is reached only through relay agents; query it from there');
      continue;
    }
    for (const offered of await examineOffers(options, subnet, { interfaceName, serverAddress }, report))
      offeredFiles.set(offered.file, offered);
    await examineRegion(options, subnet.name, serverAddress, report);
  }
  if (await examineTree(options, report)) await examineFiles(options, report);
  for (const { file, server, cpu } of offeredFiles.values()) {
    const build = isBuiltInLoader(file) ? buildCommand(cpu, options.commands.config) : undefined;
    await examineLoader({ config, file, server, build, report });
  }
  await examineNames(options, report);
}

/** Checks the files of a readable tree. */
async function examineFiles(options: DoctorOptions, report: ReportFinding): Promise<void> {
  const { boot } = options.config;
  examineImages(options, report);
  examineProfiles(boot, report);
  examineStore(boot.tree, options.commands.config, report);
  await examineInstalled(boot.tree, options.commands.config, report);
}

/**
 * Checks that machines reach the region through the boot HTTP listener, where running machines
 * report to it.
 */
async function examineRegion(
  { config, commands }: DoctorOptions,
  subnet: string,
  serverAddress: Ipv4,
  report: ReportFinding,
): Promise<void> {
  const check = `region from ${subnet}`;
  const endpoint = findEndpointFor(config.boot.http, serverAddress);
  if (endpoint === undefined) {
    report(check, false, 'cannot be reached by machines: boot.http.listen names no address that they can reach');
    return;
  }
  const url = `${formatBaseUrl(endpoint)}/MAAS/api/version/`;
  try {
    await probeHttp(url);
    report(check, true, `answers at ${url}`);
  } catch (error) {
    const text = `does not answer: ${errorText(error)}. See \`rackboot status${commands.config}\``;
    report(check, false, text, `sudo rackboot status${commands.config}`, 'rack/region');
  }
}
