// `rackboot doctor`: asks a running rack what a machine would ask, through other people's client code, and says in plain words
// what is wrong. It changes nothing: no address is bound, no machine is made.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RackConfig } from '../config/rack-config.ts';
import type { DhcpSubnet } from '../dhcp/config.ts';
import { errorText } from '../errors.ts';
import { formatIpv4, type Ipv4, mac } from '../net/address.ts';
import { openNetwork } from '../net/open-network.ts';
import { probeDhcp, type SeenOffer } from './dhcp-probe.ts';
import { probeDns } from './dns-probe.ts';
import type { Finding } from './finding.ts';
import { PROBE_FILE_BYTES_MAX, probeTftp } from './tftp-probe.ts';

/** A locally administered hardware address that no machine has. */
const PROBE_MAC = mac(0x02_72_61_63_6b_00);
const FIRMWARE: readonly (readonly [string, number])[] = [
  ['BIOS', 0],
  ['UEFI amd64', 7],
  ['UEFI amd64 by HTTP', 16],
  ['UEFI arm64', 11],
];
/** A name that exists wherever names of the outside world are known. */
const OUTSIDE_NAME = 'debian.org';

export interface DoctorOptions {
  readonly config: RackConfig;
  /** The outside name to ask for; undefined: OUTSIDE_NAME. */
  readonly outsideName?: string | undefined;
  /** A number that differs from run to run. */
  readonly xid: number;
  readonly onFinding: (finding: Finding) => void;
}

/** Runs every check there is for this configuration. @returns true when all of them passed. */
export async function examine(options: DoctorOptions): Promise<boolean> {
  const { config } = options;
  let healthy = true;
  const tell = (check: string, ok: boolean, text: string): void => {
    healthy &&= ok;
    options.onFinding({ check, ok, text });
  };
  if (config.dhcp.subnets.length === 0) tell('dhcp', true, 'no network is managed; nothing to ask');
  const loaders = new Map<string, Ipv4>();
  for (const subnet of config.dhcp.subnets) {
    if (subnet.interfaceName === undefined || subnet.serverAddress === undefined) {
      tell(`dhcp ${subnet.name}`, true, 'is reached through relay agents only; ask from there');
      continue;
    }
    for (const [label, architecture] of FIRMWARE) {
      const offer = await examineOffer(options, subnet, label, architecture, tell);
      if (offer !== undefined && !offer.file.includes('://')) loaders.set(offer.file, subnet.serverAddress);
    }
  }
  for (const [file, server] of loaders) await examineLoader(config, file, server, tell);
  await examineNames(options, tell);
  return healthy;
}

type Tell = (check: string, ok: boolean, text: string) => void;

async function examineOffer(
  options: DoctorOptions,
  subnet: DhcpSubnet,
  label: string,
  architecture: number,
  tell: Tell,
): Promise<SeenOffer | undefined> {
  const check = `dhcp ${subnet.name}: ${label}`;
  const network = await openNetwork();
  try {
    const offer = await probeDhcp({
      network,
      device: subnet.interfaceName ?? '',
      source: subnet.serverAddress ?? (0 as Ipv4),
      serverPort: options.config.dhcp.serverPort,
      clientPort: options.config.dhcp.clientPort,
      mac: mac(PROBE_MAC + architecture),
      architecture,
      xid: (options.xid + architecture) >>> 0,
    });
    const own = subnet.serverAddress === undefined ? '' : formatIpv4(subnet.serverAddress);
    if (offer.server !== own)
      tell(
        check,
        false,
        `was answered by ${offer.server}, not by this rack (${own}): another DHCP server is on this network; switch it off`,
      );
    else if (offer.file === '')
      tell(check, false, `was offered ${offer.address} without a boot file; name one in boot.loaders`);
    else tell(check, true, `is offered ${offer.address} and loads ${offer.file} from ${offer.nextServer}`);
    return offer.server === own && offer.file !== '' ? offer : undefined;
  } catch (error) {
    tell(check, false, `${errorText(error)}; is Rackboot running, and is the interface up? See \`rackboot status\``);
    return undefined;
  } finally {
    await network.close();
  }
}

async function examineLoader(config: RackConfig, file: string, server: Ipv4, tell: Tell): Promise<void> {
  const check = `tftp ${file}`;
  const path = join(config.boot.tree, file);
  try {
    if (statSync(path).size > PROBE_FILE_BYTES_MAX) {
      tell(check, true, 'is too large to be loaded here; not compared');
      return;
    }
    const expected = readFileSync(path);
    const loaded = await probeTftp(formatIpv4(server), config.tftp.listenPort, file);
    const same = loaded.equals(expected);
    const sum = createHash('sha256').update(loaded).digest('hex').slice(0, 12);
    tell(
      check,
      same,
      same
        ? `${loaded.length} bytes, as in the tree (sha256 ${sum}…)`
        : `${loaded.length} bytes came, and they differ from ${path}`,
    );
  } catch (error) {
    tell(check, false, `${errorText(error)}; \`rackboot images build\` puts the loaders into ${config.boot.tree}`);
  }
}

async function examineNames(options: DoctorOptions, tell: Tell): Promise<void> {
  const { dns } = options.config;
  const server = dns.listen[0];
  if (server === undefined) {
    tell('dns', true, 'no names are served; nothing to ask');
    return;
  }
  const name = `${dns.selfName}.${dns.domains[0] ?? ''}`;
  try {
    const own = await probeDns(formatIpv4(server), dns.listenPort, name);
    const ok = own.rcode === 0 && own.authoritative && own.addresses.length > 0;
    tell(
      `dns ${name}`,
      ok,
      ok
        ? `is ${own.addresses.join(', ')}`
        : `was answered with code ${own.rcode} and ${own.addresses.length} addresses`,
    );
    if (dns.upstream.length === 0) {
      tell('dns outside', true, 'dns.upstream is empty: names of the outside world are refused');
      return;
    }
    const outsideName = options.outsideName ?? OUTSIDE_NAME;
    const outside = await probeDns(formatIpv4(server), dns.listenPort, outsideName);
    const found = outside.rcode === 0 && outside.addresses.length > 0;
    tell(
      `dns ${outsideName}`,
      found,
      found
        ? `is ${outside.addresses.join(', ')}`
        : `was answered with code ${outside.rcode}; do the servers of dns.upstream answer?`,
    );
  } catch (error) {
    tell(`dns ${name}`, false, `${errorText(error)}; is Rackboot running?`);
  }
}
