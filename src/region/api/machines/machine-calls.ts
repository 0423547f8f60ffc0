// The parts that operations on machines share; those of commissioning are in `commissioning-calls.ts`.

import { z } from 'zod';
import { cleanText } from '../../../ground/clean-text.ts';
import { HOSTNAME_MAX, parseHostname } from '../../identity/hostname.ts';
import { listDisks } from '../../layout/disks.ts';
import { noSuchDiskText } from '../../layout/storage-draft.ts';
import type { Actor } from '../../life/commands.ts';
import { kernelRank, parseSystem } from '../../life/deployment.ts';
import { judgeUserData } from '../../preseed/user-data.ts';
import { DISKS_KEPT_MAX } from '../../records/bounded-facts.ts';
import { type MachineStatus, statusRow } from '../../records/lifecycle.ts';
import type { Machine, MachineEdit } from '../../records/machine.ts';
import { hostnameTakenText } from '../../records/report-refusal.ts';
import { cleanNote, cleanWords } from '../../records/text-json.ts';
import type { SettingsReader } from '../../settings.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  NO_MACHINE,
  type Refusal,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import { type ApiCall, type ApiVersion, optionalText, type Passed, value } from '../call/operation.ts';
import { currentDomains, domainUnknownText, isAlias, isOperatorsName } from '../names/dns-records.ts';

/** A note about a machine, in characters. */
const DESCRIPTION_MAX = 1000;
/** A comment as stored, in characters. */
const COMMENT_MAX = 255;

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
export const comment = optionalText(4096, 'Why, for the event log.');

/** The name that a client gives the machines that it allocates: printable, because lists show it. */
export const agentName = value(
  z
    .string()
    .max(255)
    .refine((text) => cleanText(text, 255) === text, 'Give a name without control characters.'),
);

/** The parameter for the note about a machine or a device. */
export const description = optionalText(DESCRIPTION_MAX, 'A note for people.', {
  control: 'area',
  label: 'Note',
  hint: 'Free text, for people.',
});
/** What else a person may say of a machine, when it is added or later; `readNotes` reads it. */
export const machineNotes = {
  min_hwe_kernel: optionalText(
    63,
    'The oldest kernel with which the machine may be deployed: `ga-24.04`, `hwe-24.04`; empty: any.',
    { label: 'Oldest kernel' },
  ),
};
type GivenNotes = { readonly [Name in keyof typeof machineNotes | 'description']?: string | undefined };

/** The areas that a machine or a device belongs to: its form offers those that exist. */
export const areaParameters = {
  zone: optionalText(256, 'The name of its zone.', { hint: '' }),
  pool: optionalText(256, 'The name of its pool.', { hint: '' }),
};

/** The change by these parameters, or a refusal. */
export function readNotes({ description, min_hwe_kernel: least }: GivenNotes): MachineEdit | Refusal {
  if (least !== undefined && least !== '' && kernelRank(least) === undefined)
    return refuseField(
      'min_hwe_kernel',
      'Give the name of a kernel of Ubuntu: ga-24.04, hwe-24.04, hwe-24.04-edge, hwe-t.',
    );
  return { ...readDescription(description), ...(least === undefined ? {} : { oldestKernel: least || undefined }) };
}

export const readDescription = (text: string | undefined): Pick<MachineEdit, 'description'> =>
  text === undefined ? {} : { description: cleanNote(text, DESCRIPTION_MAX) };

const REPORTED = 'Machines report this themselves: omit it, and commission the machine again after a change.';

/**
 * What MAAS's clients may say of a machine that is added or changed, and machines report
 * themselves; and a swap file, which none has.
 */
export const reportedFields = {
  cpu_count: value(z.literal('', REPORTED)).optional().describe('Refused: a machine reports its processors.'),
  memory: value(z.literal('', REPORTED)).optional().describe('Refused: a machine reports its memory.'),
  swap_size: value(
    z.string().regex(/^0?$/, 'Rackboot makes no swap file: omit swap_size, and lay out a swap partition.'),
  )
    .optional()
    .describe('Must be 0: lay out a swap partition.'),
};

/** The parameter with which API 1.0 puts a node into the group of a rack. */
export const nodeGroup = value(z.literal('', 'A node belongs to the rack in whose network it boots: omit nodegroup.'))
  .optional()
  .describe('Refused: a node belongs to the rack in whose network it boots.');

/** API 1.0 stores with a node what is deployed, and how; here each deployment says how. */
export const oldNodeFields = {
  osystem: optionalText(64, 'The system of the next `start` that names none, such as `debian`.'),
  distro_series: optionalText(
    128,
    'The release of the next `start` that names none, `trixie` or `debian/trixie`; empty: the usual one.',
  ),
  nodegroup: nodeGroup,
  boot_type: value(
    z
      .string()
      .regex(
        /^(?:fastpath)?$/,
        'Give fastpath, or nothing: a node does not keep how it is deployed. For an installer, give deploy_by=installer to `start`.',
      ),
  )
    .optional()
    .describe(
      'fastpath: by an image, as every deployment that does not say otherwise. Refused: di; give `start` deploy_by=installer.',
    ),
};

/**
 * States in which a machine keeps the system of its next deployment. In others it has one, or loses
 * it when it becomes Ready.
 */
const CHOOSING: ReadonlySet<MachineStatus> = new Set(['ready', 'reserved', 'allocated', 'failed-deployment']);

/** The refusal of an `osystem` that contradicts that of `distro_series`. */
export function refuseOtherSystem(osystem: string | undefined, series: string | undefined): Refusal | undefined {
  const [named = '', release] = (series ?? '').trim().toLowerCase().split('/');
  const system = osystem?.trim().toLowerCase() ?? '';
  if (release === undefined || system === '' || named === system) return undefined;
  return refuseField(
    'osystem',
    `The distro_series names ${cleanWords(named, 64)}: give that as osystem, or leave osystem out.`,
  );
}

export const RELEASE = 'Give the release to deploy, such as trixie or debian/trixie.';

/** The system of the next deployment. */
export function readSystem(
  { osystem, distro_series: series }: Passed<z.ZodObject<typeof oldNodeFields>>,
  { hostname, status, osystem: os, release }: Machine,
): Pick<MachineEdit, 'osystem' | 'release' | 'kernel'> | Refusal {
  if (series === undefined && osystem === undefined) return {};
  const contradiction = refuseOtherSystem(osystem, series);
  if (contradiction !== undefined) return contradiction;
  const wanted = series ?? release;
  const isUsual = wanted === '' && !osystem;
  const system = isUsual ? { osystem: '', release: '' } : parseSystem(osystem ?? os, wanted);
  if (system === undefined) return refuseField('distro_series', RELEASE);
  if (system.osystem === os && system.release === release) return {};
  if (CHOOSING.has(status)) return { ...system, kernel: undefined };
  const field = series === undefined ? 'osystem' : 'distro_series';
  return refuseField(
    field,
    `${hostname} is ${statusRow(status).name}: give osystem and distro_series while it is Ready or Allocated, or to \`start\`.`,
  );
}

export const getSystemId = (call: ApiCall): string => call.path.system_id ?? '';
/** The machine or the device in the path. */
export const findNodeInPath = async (call: ApiCall): Promise<Machine | undefined> =>
  await call.region.store.findMachine(getSystemId(call));
/** The machine in the path; `undefined` if a device has the id. */
export async function findMachineInPath(call: ApiCall): Promise<Machine | undefined> {
  const node = await findNodeInPath(call);
  return node?.device === undefined ? node : undefined;
}

/** Runs with the machine in the path. @param find which nodes may be in it: default machines */
export const withMachine =
  <G>(run: (call: ApiCall, machine: Machine, input: G) => Answer | Promise<Answer>, find = findMachineInPath) =>
  async (call: ApiCall, input: G): Promise<Answer> => {
    const machine = await find(call);
    return machine === undefined ? NO_MACHINE : await run(call, machine, input);
  };

/** The answer to a change of the machine in the path. */
export function answerOutcome<C extends { readonly kind: 'changed' }, R>(
  outcome: C | { readonly kind: 'refuse'; readonly refusal: R } | { readonly kind: 'not-found' },
  changed: (outcome: C) => Answer | Promise<Answer>,
  refused: (refusal: R) => Answer,
): Answer | Promise<Answer> {
  switch (outcome.kind) {
    case 'changed':
      return changed(outcome);
    case 'not-found':
      return NO_MACHINE;
    case 'refuse':
      return refused(outcome.refusal);
  }
}

/** The user who gives a command. Machines and racks never get here: these operations require a user. */
export function getUserActor({ caller }: ApiCall, why?: string): Actor {
  const text = cleanWords(why ?? '', COMMENT_MAX);
  if (caller.kind !== 'user') return { username: '', isAdmin: false, comment: text };
  return { username: caller.username, isAdmin: caller.isAdmin, comment: text };
}

/** User data, which a system runs at its first start, in bytes. */
export const USER_DATA_MAX = 512 * 1024;

/**
 * The bytes; `undefined` if none are given. Refuses too many bytes, text that is not Base64, and
 * data that cloud-init cannot read.
 */
export function parseUserData(text: string | undefined): Uint8Array | undefined | Refusal {
  if (text === undefined || text === '') return undefined;
  const plain = text.replace(/\s+/g, '');
  const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(plain) ? Buffer.from(plain, 'base64') : undefined;
  if (bytes === undefined || bytes.length > USER_DATA_MAX)
    return refuseField('user_data', `Give Base64 of at most ${USER_DATA_MAX} bytes.`);
  const judged = judgeUserData(bytes);
  return judged.ok ? bytes : refuseFields({ user_data: [judged.refusal] });
}

/**
 * The refusal of a disk that the machine did not report. If the machine reported no disks, or more
 * than are kept, every disk passes.
 */
export function absentDisk(machine: Machine, wanted: string | undefined): Refusal | undefined {
  const disks = listDisks(machine).map(({ facts }) => facts);
  const isJudged = disks.length > 0 && disks.length < DISKS_KEPT_MAX;
  if (wanted === undefined || !isJudged || disks.some(({ name }) => name === wanted)) return undefined;
  return refuseField(
    'disk',
    noSuchDiskText(
      wanted,
      disks.map(({ name }) => name),
    ),
  );
}

/** MAAS has it for Windows. */
export const licenseKey = value(z.literal('', 'Rackboot deploys no system that needs a license key: omit license_key.'))
  .optional()
  .describe('Refused: no system that is deployed here needs one.');
/** Parameters of each deployment. */
export const startFields = { comment, license_key: licenseKey };

/** The label of a hostname, which may have its domain after it; `undefined`: it is malformed. */
export const parseHostLabel = (hostname: string): string | undefined => parseHostname(hostname.split('.', 1)[0] ?? '');

/** The names of a machine or device that a user gives. */
export interface GivenNames {
  readonly hostname?: string | undefined;
  readonly domain?: string | undefined;
}

/**
 * The hostname and the domain in the parameters, or a refusal: a hostname may have its domain after
 * it, and the domain must exist.
 *
 * @param inForce the settings in the transaction of the change
 * @param before the names that the machine has; undefined: the machine is new
 */
export function readNames(
  call: ApiCall,
  input: GivenNames,
  inForce: SettingsReader,
  before?: { readonly hostname: string; readonly domain: string },
): { hostname?: string; domain?: string } | Refusal {
  const written = input.hostname?.toLowerCase() ?? '';
  const label = parseHostLabel(written);
  const after = written.includes('.') ? written.slice(written.indexOf('.') + 1).replace(/\.$/, '') : '';
  const stated = input.domain?.toLowerCase() ?? '';
  const domain = stated || after;
  const domains = currentDomains(call, inForce);
  const isUnknown = domain !== '' && domain !== before?.domain && !domains.includes(domain);
  const checked = combineOrRefuse(
    written !== '' && label === undefined
      ? refuseField(
          'hostname',
          `Give at most ${HOSTNAME_MAX} letters, digits and hyphens, but not an address, localhost, wpad or isatap.`,
        )
      : stated !== '' && after !== '' && stated !== after
        ? refuseField('hostname', `The hostname names another domain than ${stated}: name the domain once.`)
        : undefined,
    isUnknown ? refuseField(stated === '' ? 'hostname' : 'domain', domainUnknownText(domains)) : undefined,
  );
  if (isRefusal(checked)) return checked;
  const fqdn = `${label ?? before?.hostname ?? ''}.${domain || (before?.domain ?? domains[0])}`;
  const isSame = before !== undefined && fqdn === `${before.hostname}.${before.domain}`;
  if (label !== undefined && label !== before?.hostname && isOperatorsName(call, label))
    return refuseField('hostname', hostnameTakenText(label));
  if (!isSame && isAlias(call, fqdn, inForce)) {
    return refuseField(
      label === undefined ? 'domain' : 'hostname',
      `${fqdn} has a CNAME (dnsresourcerecords): choose another name.`,
    );
  }
  return { ...(label === undefined ? {} : { hostname: label }), ...(domain === '' ? {} : { domain }) };
}
