// The deployment that a request asks for.
//
// Sources: MAAS API 1.0 (`nodes/`: start) and 2.0 (`machines/`: deploy).
//
// 1. A parameter that MAAS documents and that has no effect here is refused by its name.

import { z } from 'zod';
import { refuseCommand } from '../../life/commands.ts';
import { parseSystem } from '../../life/deployment.ts';
import { inferDistribution } from '../../life/installer.ts';
import { currentProfiles, findBoundProfile } from '../../racks/profiles.ts';
import type { Machine } from '../../records/machine.ts';
import { type Refusal, refuse, refuseField, refuseFields } from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  flagParameter,
  ipv4Field,
  isTrue,
  notDoneText,
  optionalText,
  value,
} from '../call/operation.ts';
import { bridgeParameters, parseInterfaceParams } from './interface-parameters.ts';
import {
  absentDisk,
  agentName,
  getUserActor,
  parseUserData,
  RELEASE,
  refuseOtherSystem,
  startFields,
  USER_DATA_MAX,
} from './machine-calls.ts';

const KERNEL_CHARACTERS_MAX = 63;
const DISK = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The parameters of `start` of API 1.0. */
export const deployParameters = z.object({
  ...startFields,
  distro_series: optionalText(128, 'What to deploy: `trixie` or `debian/trixie`.'),
  osystem: optionalText(64, 'The distribution, unless `distro_series` includes it.'),
  hwe_kernel: optionalText(
    KERNEL_CHARACTERS_MAX,
    'The kernel of an imported system: `ga-24.04`, `hwe-24.04`. Default: the oldest that the machine, or default_min_hwe_kernel, allows.',
  ),
  user_data: optionalText(USER_DATA_MAX * 2, 'User data for cloud-init at the first start, in Base64.').register(
    controls,
    { control: 'area' },
  ),
  deploy_by: value(z.enum(['image', 'installer'], 'is neither image nor installer'))
    .optional()
    .describe(
      '`image`: write an image to the disk. `installer`: run the installer of the distribution with a preseed. Default: image, unless there is only an installer of the system.',
    ),
  disk: value(z.string().regex(DISK, 'is not the name of a disk, such as sda'))
    .optional()
    .describe('The disk to write. Default: the smallest that holds the image, USB last; for an installer, the first.'),
  ip_address: ipv4Field.optional().describe('The address to assign. Default: a free one.'),
});

/** The parameters that, if true, ask for something that a deployment does not do. */
const NOT_DONE = {
  ephemeral_deploy: flagParameter('Must be false: a system is always deployed to a disk.'),
  install_kvm: flagParameter('Must be false: user data can install it.'),
  enable_hw_sync: flagParameter('Must be false: a deployed machine does not report its hardware.'),
  register_vmhost: flagParameter('Must be false: Rackboot has no virtual machine hosts.'),
  install_rackd: flagParameter('Must be false: `rackboot init` sets up a rack.'),
  vcenter_registration: flagParameter('Must be false: no machine is registered with vCenter.'),
} as const;

/** The parameters of `bridge_all`, of allocations and deployments of API 2.0. */
export const acquiredBridgeParameters = z.object({
  bridge_all: flagParameter(
    'True: until the release, each interface that gets an address is under a bridge, `br-eno1`, that has it.',
  ),
  ...bridgeParameters,
});

/** The settings of the bridges that a request asks for; `undefined`: it asks for none. */
export const acquiredBridges = ({ bridge_all: all, ...input }: Partial<z.output<typeof acquiredBridgeParameters>>) =>
  isTrue(all) ? parseInterfaceParams(input, 'bridge') : undefined;

/** The parameters of `deploy` of API 2.0. */
export const newDeployParameters = deployParameters.extend({
  ...NOT_DONE,
  ...acquiredBridgeParameters.shape,
  agent_name: agentName.optional().describe('A name by which the machine is found again, as with `allocate`.'),
});
export type GivenDeployment = z.output<typeof newDeployParameters>;

function refuseNotDone(input: GivenDeployment): readonly Refusal[] {
  const unsupported = Object.entries(input).filter(([name, text]) => name in NOT_DONE && isTrue(String(text)));
  return unsupported.map(([name]) => refuseField(name, notDoneText(name)));
}

/** The refusal of a deployment that the machine would never boot. */
async function refuseProfiled({ region }: ApiCall, machine: Machine): Promise<Refusal | undefined> {
  const bound = findBoundProfile(currentProfiles(await region.settings.read()), machine);
  return bound === undefined
    ? undefined
    : refuse(
        'boots-profile',
        `${machine.hostname} boots the profile ${bound.profile.name} instead of its own disk: let it go on with its life first (op=leave_profile), or take it out of the profile.`,
      );
}

/** The choices of a deployment, or for each that cannot be used a refusal in its place. */
export async function judgeDeployment(call: ApiCall, machine: Machine, input: GivenDeployment) {
  const system = parseSystem(input.osystem, input.distro_series);
  const wanted = system ?? (await usualSystem(call, machine));
  const by = input.deploy_by ?? (input.hwe_kernel ? 'image' : await call.region.life.usualWay(machine, wanted));
  // Judging user data takes time, so only that for a machine that the caller may deploy is judged.
  const isAllowed = refuseCommand(machine, 'deploy', getUserActor(call)) === undefined;
  return [
    await systemFor(call, machine, { ...input, deploy_by: by }, wanted),
    isAllowed ? parseUserData(input.user_data) : undefined,
    absentDisk(machine, input.disk),
    input.distro_series !== undefined && system === undefined
      ? refuseField('distro_series', RELEASE)
      : refuseOtherSystem(input.osystem, input.distro_series),
    by === 'installer' && isTrue(input.bridge_all)
      ? refuseField('bridge_all', 'Only images can apply a layout: omit bridge_all, or deploy by an image.')
      : undefined,
    await refuseProfiled(call, machine),
    ...refuseNotDone(input),
  ] as const;
}

type System = Pick<Machine, 'osystem' | 'release' | 'kernel'>;

async function usualSystem({ region }: ApiCall, { osystem, release, kernel }: Machine): Promise<System> {
  if (release !== '') return { osystem, release, kernel };
  await region.settings.load();
  const textAt = (key: string) => String(region.settings.valueOf(key) ?? '');
  return { osystem: textAt('deployment.osystem'), release: textAt('deployment.release') };
}

/**
 * The system that the machine records: the stored name of the image with its kernel, or for an
 * installer the distribution of its release.
 */
async function systemFor(
  call: ApiCall,
  machine: Machine,
  { deploy_by: by, hwe_kernel }: Pick<z.output<typeof deployParameters>, 'deploy_by' | 'hwe_kernel'>,
  { osystem, release, kernel }: System,
): Promise<(System & { readonly deployBy: 'image' | 'installer' }) | Refusal> {
  if (by === 'installer') {
    if (hwe_kernel)
      return refuseField('hwe_kernel', 'An installer brings its own kernel: omit hwe_kernel, or deploy by an image.');
    return { osystem: osystem === '' ? inferDistribution(release) : osystem, release, deployBy: by };
  }
  await call.region.settings.load();
  const usualKernel = String(call.region.settings.valueOf('deployment.kernel') ?? '');
  const wish = { osystem, release, kernel: hwe_kernel || kernel, usualKernel };
  const chosen = await call.region.life.chooseSystem(machine, wish);
  return 'text' in chosen ? refuseFields({ hwe_kernel: [chosen] }) : { ...chosen, deployBy: 'image' };
}
