//
// 1. The job of the agent on a machine: lines `name=value` for a shell, the job first. A value
//    other than printable ASCII on one line is left out.
// 2. The agent fetches secret or long values from separate URLs with the same token.

import { formatIpv4 } from '../../ground/address.ts';
import { storagePlan } from '../layout/deployable-storage.ts';
import { formatDiskSelector } from '../layout/disks.ts';
import type { Machine } from '../records/machine.ts';
import type { DeployableImage } from './deployment.ts';

export interface JobNetwork {
  readonly prefix: number;
  readonly router: string;
  readonly dns: string;
}

interface JobOptions {
  readonly origin: string;
  /** Empty: none. */
  readonly httpProxy: string;
  readonly image: DeployableImage | undefined;
  readonly network: JobNetwork | undefined;
  /** A person laid out its interfaces: the agent fetches the files of its network. */
  readonly isLaid: boolean;
  /** Static routes lead from its fixed address: the agent fetches the files then, too. */
  readonly hasRoutes: boolean;
  readonly hasUserData: boolean;
  readonly scripts?: number | undefined;
  /** A debug login is open. */
  readonly isDebugged?: boolean | undefined;
}

type Line = readonly [string, string | number | undefined];

export function renderJob(machine: Machine, options: JobOptions): string {
  const debug: readonly Line[] = options.isDebugged === true ? [['debug', 1]] : [];
  return [...renderJobLines(machine, options), ...debug]
    .filter(([, value]) => value !== undefined && /^[\x20-\x7e]*$/.test(String(value)))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function renderJobLines(machine: Machine, options: JobOptions): readonly Line[] {
  const keys = `${options.origin}/MAAS/rackboot/1/ssh-keys`;
  switch (machine.status) {
    case 'commissioning':
    case 'testing':
      return [
        ['job', 'commission'],
        ['purpose', machine.status],
        ['system_id', machine.systemId],
        ['hostname', machine.hostname],
        ['scripts', options.scripts ?? 0],
      ];
    case 'deploying':
      // An installer must deploy this machine; the agent must not write an image instead.
      if (machine.work?.deployBy === 'installer') return [['job', 'none']];
      // The machine's rack did not know that its disk is written, so the machine must reboot rather
      // than power off.
      return machine.netboot ? deployLines(machine, options, keys) : [['job', 'reboot']];
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

/** `undefined`: the agent chooses one, because it sees the current disks. */
const findInstallDisk = (machine: Machine): string | undefined =>
  machine.work?.disk === undefined ? undefined : formatDiskSelector(machine, machine.work.disk);

/**
 * The lines for a root file system. A kernel that it contains is used, unless another kernel than
 * the release's own was chosen.
 */
function startLines({ starts, subarchitecture = 'generic' }: DeployableImage, origin: string): readonly Line[] {
  if (starts === undefined) return [];
  const { kernel, initrd } = starts;
  return [
    ['kernel_url', `${origin}${kernel.path}`],
    ['kernel_sha256', kernel.sha256],
    ['initrd_url', `${origin}${initrd.path}`],
    ['initrd_sha256', initrd.sha256],
    ...(subarchitecture === 'generic' ? [] : [['kernel_chosen', 1] as const]),
  ];
}

function deployLines(machine: Machine, options: JobOptions, keys: string): readonly Line[] {
  const { image, network, origin } = options;
  if (image === undefined) return [['job', 'none']];
  const [fixedAddress] = machine.addresses;
  const fixed =
    fixedAddress === undefined || network === undefined
      ? undefined
      : `${formatIpv4(fixedAddress.address)}/${network.prefix}`;
  const hasRoutes = fixed !== undefined && options.hasRoutes;
  return [
    ['job', 'deploy'],
    ['hostname', machine.hostname],
    ['domain', machine.domain],
    ['disk', findInstallDisk(machine)],
    ['image_url', `${origin}${image.path}`],
    ['image_sha256', image.sha256],
    ['image_bytes', image.bytes],
    ['image_disk_bytes', image.diskBytes],
    ['image_format', image.format],
    ...startLines(image, origin),
    ['ssh_keys_url', keys],
    ['cloud_config_url', `${origin}/MAAS/rackboot/1/cloud-config`],
    ['proxy', options.httpProxy === '' ? undefined : options.httpProxy],
    ['user_data_url', options.hasUserData ? `${origin}/MAAS/rackboot/1/user-data` : undefined],
    ['network_url', options.isLaid || hasRoutes ? `${origin}/MAAS/rackboot/1/network` : undefined],
    // With `commissioned` the agent accepts a tool that it does not know: the image's own DHCP
    // brings address and routes.
    ['network', !options.isLaid && hasRoutes ? 'commissioned' : undefined],
    ['storage_url', storagePlan(machine) === undefined ? undefined : `${origin}/MAAS/rackboot/1/storage`],
    ['address', fixed ?? 'dhcp'],
    ['router', fixed === undefined || network?.router === '' ? undefined : network?.router],
    ['dns', fixed === undefined || network?.dns === '' ? undefined : network?.dns],
  ];
}
