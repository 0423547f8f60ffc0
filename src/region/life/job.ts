// What the agent on a machine is to do, as lines of text that a shell can read.
//
// 1. One `name=value` a line, the job first; a value is printable ASCII on one line, or it is left out.
// 2. What is secret, or long, is fetched from an address of its own with the same token.

import { formatIpv4 } from '../../net/address.ts';
import type { Machine } from '../records/machine.ts';
import type { DeployableImage } from './deployment.ts';

/** The network in which a machine is to live, as far as the region knows it. */
export interface JobNetwork {
  readonly prefix: number;
  readonly router: string;
  readonly dns: string;
}

/** What the text takes besides the machine. */
export interface JobTerms {
  /** Base address as the machine reaches us, `http://10.20.0.1:5248`. */
  readonly origin: string;
  /** The proxy of its system; empty: none. */
  readonly httpProxy: string;
  /** Undefined: it has none, or it is not there any more. */
  readonly image: DeployableImage | undefined;
  /** Of its fixed address; undefined: it has none. */
  readonly network: JobNetwork | undefined;
  readonly hasUserData: boolean;
  /** How many scripts its run has; undefined: it has no run. */
  readonly scripts?: number | undefined;
  /** A debug login is open: who debugs is let in while the machine works. */
  readonly isDebugged?: boolean | undefined;
}

/** A serial number that the agent finds as it has reported it. */
const PLAIN_SERIAL = /^[A-Za-z0-9._:+-]{1,64}$/;

type Line = readonly [string, string | number | undefined];

/** The job of a machine at work. */
export function renderJob(machine: Machine, terms: JobTerms): string {
  const debug: readonly Line[] = terms.isDebugged === true ? [['debug', 1]] : [];
  return [...linesOf(machine, terms), ...debug]
    .filter(([, value]) => value !== undefined && /^[\x20-\x7e]*$/.test(String(value)))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function linesOf(machine: Machine, terms: JobTerms): readonly Line[] {
  const keys = `${terms.origin}/MAAS/rackboot/1/ssh-keys`;
  switch (machine.status) {
    case 'commissioning':
    case 'testing':
      return [
        ['job', 'commission'],
        ['purpose', machine.status],
        ['system_id', machine.systemId],
        ['hostname', machine.hostname],
        ['scripts', terms.scripts ?? 0],
      ];
    case 'deploying':
      // What was to be installed otherwise is not replaced by an image.
      if (machine.work?.deployBy === 'installer') return [['job', 'none']];
      // Its disk is written, but its rack did not know yet: it is to start again, not to stay off.
      return machine.netboot ? deployLines(machine, terms, keys) : [['job', 'reboot']];
    case 'disk-erasing':
      return [
        ['job', 'erase'],
        ['mode', machine.work?.erase ?? 'signatures'],
      ];
    case 'releasing':
      return [['job', 'poweroff']];
    case 'exiting-rescue-mode':
      return [['job', machine.restingStatus === 'deployed' ? 'reboot' : 'poweroff']];
    case 'entering-rescue-mode':
    case 'rescue-mode':
      return [
        ['job', 'rescue'],
        ['hostname', machine.hostname],
        ['domain', machine.domain],
        ['ssh_keys_url', keys],
      ];
    default:
      return [['job', 'none']];
  }
}

/**
 * The disk that a person named: by its serial number where it has one of its own, for a kernel may number disks otherwise at each start,
 * and another one would be overwritten. Undefined: the agent chooses, which sees the disks as they are now.
 */
function diskOf({ work, facts }: Machine): string | undefined {
  const name = work?.disk;
  if (name === undefined) return undefined;
  const disks = facts?.disks ?? [];
  const serial = disks.find((disk) => disk.name === name)?.serial ?? '';
  const isKnown = PLAIN_SERIAL.test(serial) && disks.filter((disk) => disk.serial === serial).length === 1;
  return isKnown ? `serial:${serial}` : name;
}

function deployLines(machine: Machine, terms: JobTerms, keys: string): readonly Line[] {
  const { image, network, origin } = terms;
  if (image === undefined) return [['job', 'none']];
  const [given] = machine.addresses;
  const fixed =
    given === undefined || network === undefined ? undefined : `${formatIpv4(given.address)}/${network.prefix}`;
  return [
    ['job', 'deploy'],
    ['hostname', machine.hostname],
    ['domain', machine.domain],
    ['disk', diskOf(machine)],
    ['image_url', `${origin}${image.path}`],
    ['image_sha256', image.sha256],
    ['image_bytes', image.bytes],
    ['image_disk_bytes', image.diskBytes],
    ['image_format', image.format],
    ['ssh_keys_url', keys],
    ['cloud_config_url', `${origin}/MAAS/rackboot/1/cloud-config`],
    ['proxy', terms.httpProxy === '' ? undefined : terms.httpProxy],
    ['user_data_url', terms.hasUserData ? `${origin}/MAAS/rackboot/1/user-data` : undefined],
    ['address', fixed ?? 'dhcp'],
    ['router', fixed === undefined || network?.router === '' ? undefined : network?.router],
    ['dns', fixed === undefined || network?.dns === '' ? undefined : network?.dns],
  ];
}
