// The parts that operations on machines share: paths in both versions, the machine in the path, the user who gives a command, comments and
// flags, the addresses, disks and user data in parameters, and the parameters of commissioning and of the next start.

import { z } from 'zod';
import { cleanText } from '../../../clean-text.ts';
import { parseIpv4 } from '../../../net/address.ts';
import { disksOf } from '../../layout/disks.ts';
import type { Actor } from '../../life/commands.ts';
import { kernelRank, parseSystem } from '../../life/deployment.ts';
import { DEBUG_SECONDS, mayDebug, openDebugLogin, refuseWithoutKey } from '../../life/logins.ts';
import type { MachineEdit } from '../../life/machine-edit.ts';
import type { CommandOptions } from '../../life/machine-life.ts';
import { judgeUserData } from '../../preseed/user-data.ts';
import { DISKS_KEPT_MAX } from '../../records/bounded-facts.ts';
import { type MachineStatus, statusRow } from '../../records/lifecycle.ts';
import type { Machine } from '../../records/machine.ts';
import type { ScriptKind } from '../../records/script-store.ts';
import { cleanWords } from '../../records/text-json.ts';
import {
  type Answer,
  allOf,
  isRefusal,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
  refuseFor,
} from '../call/answer.ts';
import { type ApiCall, type ApiVersion, type Passed, usernameOf, value, values } from '../call/operation.ts';

/** A note about a machine, in characters. */
const DESCRIPTION_MAX = 1000;
/** A comment as stored, in characters. */
const COMMENT_MAX = 255;
/** Scripts that one request names. */
const NAMES_MAX = 100;

/** The paths and groups of one version: MAAS 1 called machines nodes. */
export function machinePaths(version: ApiVersion) {
  const isOld = version === '1.0';
  const many = isOld ? 'nodes' : 'machines';
  const versions = [version];
  return {
    isOld,
    one: { versions, path: `${many}/{system_id}`, handler: isOld ? 'NodeHandler' : 'MachineHandler' },
    all: { versions, path: many, handler: isOld ? 'NodesHandler' : 'MachinesHandler' },
  } as const;
}

/** The parameter for a person's reason. */
export const comment = value(z.string().max(4096)).optional().describe('Why, for the event log.');

/** The name that a client gives the machines that it allocates: printable, because lists show it. */
export const agentName = value(
  z
    .string()
    .max(255)
    .refine((text) => cleanText(text, 255) === text, 'field.agent-name'),
);

/** The parameter for the note about a machine. */
export const description = value(z.string().max(DESCRIPTION_MAX)).optional().describe('A note for people.');

/** The change by that parameter. */
export const readDescription = (text: string | undefined): Pick<MachineEdit, 'description'> =>
  text === undefined ? {} : { description: cleanWords(text, DESCRIPTION_MAX) };

/** The parameter for the oldest kernel of a machine; empty: any. */
export const oldestKernel = value(z.string().max(63))
  .optional()
  .describe('The oldest kernel with which the machine may be deployed: `ga-24.04`, `hwe-24.04`; empty: any.');

/** The change by that parameter, or a refusal. */
export function readOldestKernel(text: string | undefined): Pick<MachineEdit, 'oldestKernel'> | Refusal {
  if (text === undefined) return {};
  if (text !== '' && kernelRank(text) === undefined) return refuseField('min_hwe_kernel', 'field.kernel-name');
  return { oldestKernel: text || undefined };
}

/** The parameter with which API 1.0 puts a node into the group of a rack. */
export const nodeGroup = value(z.literal('', 'field.nodegroup'))
  .optional()
  .describe('Refused: a node belongs to the rack in whose network it boots.');

/** API 1.0 stores with a node what is deployed, and how; here each deployment says how. */
export const oldNodeFields = {
  osystem: value(z.string().max(64))
    .optional()
    .describe('The system of the next `start` that names none, such as `debian`.'),
  distro_series: value(z.string().max(128))
    .optional()
    .describe('The release of the next `start` that names none, `trixie` or `debian/trixie`; empty: the usual one.'),
  nodegroup: nodeGroup,
  boot_type: value(z.string().regex(/^(?:fastpath)?$/, 'field.boot-type'))
    .optional()
    .describe(
      'fastpath: by an image, as every deployment that does not say otherwise. Refused: di; give `start` deploy_by=installer.',
    ),
};

/** States in which a machine keeps the system of its next deployment. In others it has one, or loses it when it becomes Ready. */
const CHOOSING: ReadonlySet<MachineStatus> = new Set(['ready', 'reserved', 'allocated', 'failed-deployment']);

/** The system of the next deployment. */
export function readSystem(
  { osystem, distro_series: series }: Passed<z.ZodObject<typeof oldNodeFields>>,
  { hostname, status, osystem: os, release }: Machine,
): Pick<MachineEdit, 'osystem' | 'release' | 'kernel'> | Refusal {
  if (series === undefined && osystem === undefined) return {};
  const wanted = series ?? release;
  const isUsual = wanted === '' && !osystem;
  const system = isUsual ? { osystem: '', release: '' } : parseSystem(osystem ?? os, wanted);
  if (system === undefined) return refuseField('distro_series', 'field.release');
  if (system.osystem === os && system.release === release) return {};
  if (CHOOSING.has(status)) return { ...system, kernel: undefined };
  const field = series === undefined ? 'osystem' : 'distro_series';
  return refuseField(field, 'field.system-used', { machine: hostname, state: statusRow(status).name });
}

const TRUE = /^(?:1|t|true|y|yes|on)$/i;
const FALSE = /^(?:0|f|false|n|no|off|none)?$/i;
/** The word of a parameter that is true or false; empty: false. */
export const flagWord = z
  .string()
  .trim()
  .max(16, 'field.flag')
  .refine((text) => TRUE.test(text) || FALSE.test(text), 'field.flag');
/** A parameter that is true or false. */
export const flag = (description: string) => value(flagWord).optional().describe(description);
export const isTrue = (text: string | undefined): boolean => TRUE.test(text ?? '');

export const systemIdOf = (call: ApiCall): string => call.path.system_id ?? '';
/** The machine or the device in the path. */
export const nodeOf = async (call: ApiCall): Promise<Machine | undefined> =>
  await call.region.store.findMachine(systemIdOf(call));
/** The machine in the path; `undefined` if a device has the id. */
export async function machineOf(call: ApiCall): Promise<Machine | undefined> {
  const found = await nodeOf(call);
  return found?.device === undefined ? found : undefined;
}

/** The user who gives a command. Machines and racks never get here: these operations require a user. */
export function actorOf({ caller }: ApiCall, why?: string): Actor {
  const said = cleanWords(why ?? '', COMMENT_MAX);
  if (caller.kind !== 'user') return { username: '', isAdmin: false, comment: said };
  return { username: caller.username, isAdmin: caller.isAdmin, comment: said };
}

/** User data, which a system runs at its first start, in bytes. */
export const USER_DATA_MAX = 512 * 1024;

/** The bytes; `undefined` if none are given. Refuses too many bytes, text that is not Base64, and data that cloud-init cannot read. */
export function parseUserData(text: string | undefined): Uint8Array | undefined | Refusal {
  if (text === undefined || text === '') return undefined;
  const plain = text.replace(/\s+/g, '');
  const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(plain) ? Buffer.from(plain, 'base64') : undefined;
  if (bytes === undefined || bytes.length > USER_DATA_MAX)
    return refuseField('user_data', 'field.user-data', { max: USER_DATA_MAX });
  const judged = judgeUserData(bytes);
  return judged.ok ? bytes : refuseFields({ user_data: [judged.refusal] });
}

/** The address to assign, by its parameter; `undefined` if none is given. */
export function addressOf(text: string | undefined): CommandOptions | Refusal | undefined {
  if (text === undefined || text === '') return undefined;
  const address = parseIpv4(text);
  return address === undefined ? refuseField('ip_address', 'field.ip-address') : { address };
}

/** The refusal of a disk that the machine did not report. If the machine reported no disks, or more than are kept, every disk passes. */
export function absentDisk(machine: Machine, wanted: string | undefined): Refusal | undefined {
  const disks = disksOf(machine).map(({ facts }) => facts);
  const isJudged = disks.length > 0 && disks.length < DISKS_KEPT_MAX;
  if (wanted === undefined || !isJudged || disks.some(({ name }) => name === wanted)) return undefined;
  return refuseField('disk', 'field.no-such-disk', { disk: wanted, names: disks.map(({ name }) => name) });
}

const scriptNames = (text: string) => values(NAMES_MAX).optional().describe(text);
/** The parameter for the testing scripts of a test. */
export const testingScripts = scriptNames('The testing scripts to run; `none` for none. Default: all.');
/** The parameter that opens a debug login with a command. */
export const enableSsh = flag(
  'True: open a debug login, so that your SSH keys can log in for an hour, and the machine stays on if this fails.',
);

/** MAAS has it for Windows. */
export const licenseKey = value(z.literal('', 'field.license-key'))
  .optional()
  .describe('Refused: no system that is deployed here needs one.');
/** Parameters of each deployment. */
export const startFields = { comment, license_key: licenseKey };

/** The parameters of commissioning, which a new machine takes, too. */
export const commissioningFields = {
  commissioning_scripts: scriptNames('The commissioning scripts to run; `none` for none. Default: all.'),
  testing_scripts: scriptNames('Testing scripts to run after them. Default: none.'),
  enable_ssh: enableSsh,
  skip_networking: flag(
    'True, as always: commissioning keeps the interfaces that people laid out. False is refused if there are any.',
  ),
  skip_storage: flag(
    'True, as always: commissioning keeps the disks that people laid out. False is refused if there are any.',
  ),
  skip_bmc_config: flag(
    'True, as always: commissioning sets up no BMC. False is refused for a machine with `power_type` ipmi.',
  ),
};
type CommissioningFields = Passed<z.ZodObject<typeof commissioningFields>>;

/** The given names of scripts of one kind; a refusal if one is unknown; `undefined` if none are given. */
export async function scriptsOf(
  { region }: ApiCall,
  kind: ScriptKind,
  given: readonly string[] | undefined,
): Promise<readonly string[] | Refusal | undefined> {
  if (given === undefined || given.length === 0) return undefined;
  if (given.length === 1 && given[0] === 'none') return [];
  const known = (await region.store.scripts.listScripts(kind)).map(({ name }) => name);
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return given;
  return refuseField(`${kind}_scripts`, 'field.scripts', { kind, unknown, known });
}

/** `scripts`: those to run; `undefined`: the usual ones. */
interface Commissioning {
  readonly scripts: readonly string[] | undefined;
}

/** The scripts of a commissioning that its parameters choose. */
export async function commissioningScripts(
  call: ApiCall,
  given: CommissioningFields,
): Promise<Commissioning | Refusal> {
  const found = allOf(
    await scriptsOf(call, 'commissioning', given.commissioning_scripts),
    await scriptsOf(call, 'testing', given.testing_scripts),
  );
  if (isRefusal(found)) return found;
  const [first, tests = []] = found;
  if (first === undefined && tests.length === 0) return { scripts: undefined };
  const all = first ?? (await call.region.store.scripts.listScripts('commissioning')).map(({ name }) => name);
  return { scripts: [...all, ...tests] };
}

/** The refusals of wishes that commissioning should change what it keeps. */
export function refuseSkips(
  { layout, powerType }: Partial<Pick<Machine, 'layout' | 'powerType'>>,
  given: CommissioningFields,
): readonly (Refusal | undefined)[] {
  const isFalse = (text: string | undefined): boolean => text !== undefined && !isTrue(text);
  return [
    isFalse(given.skip_networking) && layout?.network !== undefined
      ? refuseField('skip_networking', 'field.layout-kept', { field: 'skip_networking' })
      : undefined,
    isFalse(given.skip_storage) && layout?.storage !== undefined
      ? refuseField('skip_storage', 'field.layout-kept', { field: 'skip_storage' })
      : undefined,
    isFalse(given.skip_bmc_config) && powerType === 'ipmi'
      ? refuseField('skip_bmc_config', 'field.bmc-kept')
      : undefined,
  ];
}

/** Why `enable_ssh` cannot open a login to this machine; `undefined`: it can, or is not given. */
export async function refuseSsh(
  call: ApiCall,
  machine: Pick<Machine, 'hostname' | 'owner'>,
  text: string | undefined,
): Promise<Refusal | undefined> {
  if (!isTrue(text)) return undefined;
  const { hostname, owner } = machine;
  if (!mayDebug(machine, actorOf(call))) return refuse('not-owner.open-debug-login', { machine: hostname, owner });
  const keyless = await refuseWithoutKey(call.region.store, usernameOf(call), machine);
  return keyless === undefined ? undefined : refuseFor([keyless]);
}

/** Opens the login for which `enable_ssh` asks, after the command has taken effect. @returns the answer to the command */
export async function openSsh(
  call: ApiCall,
  machine: Machine,
  {
    enable_ssh: text,
    comment: why,
  }: { readonly enable_ssh?: string | undefined; readonly comment?: string | undefined },
  answer: Answer,
): Promise<Answer> {
  if (isRefusal(answer) || !isTrue(text)) return answer;
  const refusal = await openDebugLogin(call.region, machine, actorOf(call, why), DEBUG_SECONDS);
  return refusal === undefined ? answer : refuseFor([refusal]);
}

/** The parameters with which a new machine is commissioned. */
type AddedFields = CommissioningFields & {
  readonly [Name in 'commission' | 'deployed' | 'is_dpu' | 'hostname' | 'power_type']?: string | undefined;
};
const ONLY_COMMISSIONING = ['commissioning_scripts', 'testing_scripts', 'enable_ssh'] as const;

/**
 * How to commission a new machine, `undefined` if not at all, and the refusals of what cannot be followed. A machine's own wish does not count:
 * a person decides.
 * @param refused the parameters that are refused already, and so absent
 */
export async function commissioningOf(
  call: ApiCall,
  given: AddedFields,
  refused: ReadonlySet<string> = new Set(),
): Promise<readonly [Commissioning | Refusal | undefined, ...(readonly (Refusal | undefined)[])]> {
  const { caller } = call;
  if (caller.kind !== 'user') return [undefined];
  const isAsked = isTrue(given.commission);
  if (isAsked && !caller.isAdmin) return [refuse('not-allowed.administrator')];
  const isUnknown = refused.has('commission');
  const isGiven = (name: (typeof ONLY_COMMISSIONING)[number]): boolean =>
    name === 'enable_ssh' ? isTrue(given.enable_ssh) : (given[name]?.length ?? 0) > 0;
  const alone = isAsked || isUnknown ? [] : ONLY_COMMISSIONING.filter(isGiven);
  return [
    // Unknown scripts are wrong with and without commissioning.
    isAsked || isUnknown ? await commissioningScripts(call, given) : undefined,
    ...refuseSkips({ powerType: given.power_type ?? '' }, given),
    ...alone.map((field) => refuseField(field, 'field.commission-missing', { field })),
    ...(['deployed', 'is_dpu'] as const).map((field) =>
      isTrue(given[field]) ? refuseField(field, 'field.not-done', { field }) : undefined,
    ),
    isAsked ? await refuseSsh(call, { hostname: given.hostname ?? '' }, given.enable_ssh) : undefined,
  ];
}

/** The parameters that only API 2.0 has: they are refused if they are true, because the deployment would not do it. */
export const newDeployParameters = z.object({
  bridge_all: flag('Must be false: bridges are made by `create_bridge`.'),
  ephemeral_deploy: flag('Must be false: a system is always deployed to a disk.'),
  install_kvm: flag('Must be false: user data can install it.'),
  enable_hw_sync: flag('Must be false: a deployed machine does not report its hardware.'),
  register_vmhost: flag('Must be false: Rackboot has no virtual machine hosts.'),
  install_rackd: flag('Must be false: `rackboot init` sets up a rack.'),
  vcenter_registration: flag('Must be false: no machine is registered with vCenter.'),
  bridge_stp: flag('Must be false: bridges are made by `create_bridge`.'),
  bridge_fd: value(z.string().max(16)).optional().describe('Refused: bridges are made by `create_bridge`.'),
  bridge_type: value(z.string().max(16)).optional().describe('Refused: bridges are made by `create_bridge`.'),
  agent_name: agentName.optional().describe('A name by which the machine is found again, as with `allocate`.'),
});
const NOT_DONE = [
  ...(['bridge_all', 'ephemeral_deploy', 'install_kvm', 'enable_hw_sync', 'register_vmhost'] as const),
  ...(['install_rackd', 'vcenter_registration', 'bridge_stp'] as const),
] as const;
const NOT_DONE_TEXTS = ['bridge_fd', 'bridge_type'] as const;

/** The refusals of what a deployment would not do. */
export const refuseNotDone = (
  given: Partial<z.output<typeof newDeployParameters>>,
): readonly (Refusal | undefined)[] => {
  const asked = [...NOT_DONE.filter((name) => isTrue(given[name])), ...NOT_DONE_TEXTS.filter((name) => given[name])];
  return asked.map((name) => refuseField(name, 'field.not-done', { field: name }));
};
