// What the agent on a machine is to do, as lines of text that a shell can read.
//
// 1. One `name=value` a line, the job first; a value is printable ASCII on one line, or it is left out.
// 2. What is secret, or long, is fetched from an address of its own with the same token.

import { formatIpv4 } from '../net/address.ts';
import type { DeployableImage } from './deployment.ts';
import type { Machine } from './machine.ts';

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
  /** Undefined: it has none, or it is not there any more. */
  readonly image: DeployableImage | undefined;
  /** Of its fixed address; undefined: it has none. */
  readonly network: JobNetwork | undefined;
  readonly hasUserData: boolean;
}

type Line = readonly [string, string | number | undefined];

/** The job of a machine at work. */
export function renderJob(machine: Machine, terms: JobTerms): string {
  return [...linesOf(machine, terms)]
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
        ['scripts', 0],
      ];
    case 'deploying':
      return machine.netboot ? deployLines(machine, terms, keys) : [['job', 'none']];
    case 'disk-erasing':
      return [
        ['job', 'erase'],
        ['mode', machine.work?.erase ?? 'signatures'],
      ];
    case 'releasing':
    case 'exiting-rescue-mode':
      return [['job', 'poweroff']];
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
    ['disk', machine.work?.disk ?? machine.facts?.disks[0]?.name],
    ['image_url', `${origin}${image.path}`],
    ['image_sha256', image.sha256],
    ['image_bytes', image.bytes],
    ['image_disk_bytes', image.diskBytes],
    ['image_format', image.format],
    ['ssh_keys_url', keys],
    ['user_data_url', terms.hasUserData ? `${origin}/MAAS/rackboot/1/user-data` : undefined],
    ['address', fixed ?? 'dhcp'],
    ['router', fixed === undefined || network?.router === '' ? undefined : network?.router],
    ['dns', fixed === undefined || network?.dns === '' ? undefined : network?.dns],
  ];
}
