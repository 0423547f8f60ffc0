// A machine's report of its own hardware: the `hardware_facts` JSON of the enlistment agent,
// checked and bounded.
//
// 1. The result has only the fields below, within their bounds.
// 2. Text is cleaned and cut: firmware tables contain anything, and a machine with an odd serial
//    number must still enlist. Numbers, lists and addresses out of bounds are refused with their
//    path. What exceeds the total size (`bounded-facts.ts`) is left out, and the machine's timeline
//    reports it.
// 3. The firmware's table arrives raw and is stored decoded (`smbios.ts`); an unreadable table
//    gives no parts.

import { z } from 'zod';
import { composeJsonFaultText } from '../../ground/json-excess.ts';
import { chooseKept, DISKS_KEPT_MAX, FACTS_BYTES_MAX, type LeftOut } from './bounded-facts.ts';
import { fieldRefusal, partRefusal, type RefusalWord } from './refusal.ts';
import { decodeSmbios, SMBIOS_BYTES_MAX, type SmbiosInventory } from './smbios.ts';
import { cleanWords, parseJson } from './text-json.ts';

export const NICS_MAX = 64;
export const DISKS_MAX = 256;
/** Characters of one stored text field. */
export const FACT_TEXT_MAX = 128;
/** Characters of one received text field. */
const FACT_TEXT_RECEIVED_MAX = 4096;
const CPUS_MAX = 65_536;
const MEMORY_MIB_MAX = 2 ** 30;
/** Eight pebibytes: the largest exact integer. */
const DISK_BYTES_MAX = Number.MAX_SAFE_INTEGER;
const PROBLEMS_MAX = 10;
/** The firmware's table in Base64: four characters for three bytes. */
const SMBIOS_CHARACTERS_MAX = Math.ceil(SMBIOS_BYTES_MAX / 3) * 4;

const text = z
  .string()
  .max(FACT_TEXT_RECEIVED_MAX)
  .nullish()
  .transform((value) => cleanWords(value ?? '', FACT_TEXT_MAX));

/** The kernel's names have at most 32 characters. */
const NAME_MAX = 32;
const name = z
  .string()
  .max(FACT_TEXT_RECEIVED_MAX)
  .nullish()
  .transform((value) => cleanWords(value ?? '', NAME_MAX));

/** Text that older agents do not send. */
const more = z
  .string()
  .max(FACT_TEXT_RECEIVED_MAX)
  .optional()
  .transform((value) => (value === undefined ? undefined : cleanWords(value, FACT_TEXT_MAX)));

/** A flag as sysfs and shells write it: 1, 0, true, false, each also as text, and null. */
const flag = z
  .union([z.boolean(), z.number(), z.string().max(8)])
  .nullish()
  .transform((value) =>
    value === null || value === undefined || value === '' ? undefined : ['1', 'true'].includes(String(value)),
  );

const count = (max: number) => z.coerce.number().int().min(0).max(max).catch(0);

const nic = z.object({
  name,
  mac: z.string().regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i, 'is not a hardware address'),
  driver: name,
  carrier: flag,
  operstate: name,
  /** Mbit/s; 0: unknown (sysfs reports -1 without carrier). */
  speed: count(10_000_000),
  /** Vendor and device ID on its bus: `8086:100e`. */
  ids: more,
  /** `pci`, `virtio`, `usb`. */
  bus: more,
});

const disk = z.object({
  name,
  bytes: z.number().int().min(0).max(DISK_BYTES_MAX),
  model: text,
  serial: text,
  rotational: flag,
  /** `nvme`, `ata`, `scsi`, `usb`, `virtio`, `mmc`. */
  bus: more,
  firmware: more,
  /** Bytes of a logical block. */
  block_size: z.number().int().min(1).max(1_048_576).optional().catch(undefined),
});

const dmi = z.object({
  vendor: text,
  product: text,
  version: text,
  family: text,
  sku: text,
  serial: text,
  uuid: text,
  board_vendor: text,
  board_name: text,
  board_version: text,
  board_serial: text,
  bios_vendor: text,
  bios_version: text,
  bios_date: text,
  chassis_type: text,
  chassis_vendor: text,
  chassis_serial: text,
  chassis_asset_tag: text,
});

/** A report with another version is refused. */
const FACTS_VERSION = 1;

const versioned = z.object({ version: z.int() });

const hardwareFacts = z.object({
  version: z.literal(FACTS_VERSION).default(FACTS_VERSION),
  boot_mac: text,
  nics: z.array(nic).max(NICS_MAX).default([]),
  cpu: z.object({ count: count(CPUS_MAX), model: text }).prefault({ count: 0 }),
  memory_mib: z.number().int().min(0).max(MEMORY_MIB_MAX).default(0),
  disks: z.array(disk).max(DISKS_MAX).default([]),
  dmi: dmi.prefault({}),
  virtualization: text,
  uefi: flag,
  /** `undefined` if the firmware does not report it. */
  secure_boot: flag,
  kernel: text,
  smbios: z.string().max(SMBIOS_CHARACTERS_MAX).optional().catch(undefined),
});

/** A machine's reported hardware. Memory in MiB, disks in bytes, link speed in Mbit/s. */
export type HardwareFacts = Readonly<Omit<z.infer<typeof hardwareFacts>, 'smbios'>> & Partial<SmbiosInventory>;

type ParsedFacts =
  /** `leftOut`: the parts beyond the total bound. */
  | { readonly kind: 'value'; readonly value: HardwareFacts; readonly leftOut: readonly LeftOut[] }
  | { readonly kind: 'fault'; readonly problems: readonly RefusalWord[] };

export function parseHardwareFacts(json: string): ParsedFacts {
  const parsed = parseJson(json);
  if (parsed.kind === 'fault') {
    return { kind: 'fault', problems: [fieldRefusal(`hardware_facts ${composeJsonFaultText(parsed.fault)}`)] };
  }
  const { success: hasVersion, data } = versioned.safeParse(parsed.value);
  // First: this region cannot judge facts of another version. The machine's screen shows the problem.
  if (hasVersion && data.version !== FACTS_VERSION) {
    const remedy =
      data.version > FACTS_VERSION
        ? "upgrade the region, or rebuild the environment with the region's `rackboot images build`"
        : 'rebuild the environment with `rackboot images build`';
    const text = `version: the boot environment speaks version ${data.version}, this region version ${FACTS_VERSION}: ${remedy}`;
    return { kind: 'fault', problems: [fieldRefusal(text)] };
  }
  const checked = hardwareFacts.safeParse(parsed.value);
  if (checked.success) {
    const { smbios, ...facts } = checked.data;
    const parts = smbios === undefined ? {} : decodeSmbios(Buffer.from(smbios, 'base64'));
    const bounded = boundFacts({ ...facts, ...parts });
    return { kind: 'value', value: bounded.facts, leftOut: bounded.leftOut };
  }
  const problems = checked.error.issues
    .slice(0, PROBLEMS_MAX)
    .map(({ path, message }) =>
      partRefusal('invalid-parameters', path.map(String).join('.') || 'hardware_facts', message),
    );
  return { kind: 'fault', problems };
}

/** Cuts facts to the total bound. */
export function boundFacts(facts: HardwareFacts): {
  readonly facts: HardwareFacts;
  readonly leftOut: readonly LeftOut[];
} {
  const keptCounts = chooseKept(facts);
  if (keptCounts === undefined) return { facts, leftOut: [] };
  const { memory_banks, processors } = facts;
  const bounded: HardwareFacts = {
    ...facts,
    disks: facts.disks.slice(0, keptCounts.disks),
    nics: facts.nics.slice(0, keptCounts.nics),
    ...(memory_banks === undefined ? {} : { memory_banks: memory_banks.slice(0, keptCounts.memory_banks) }),
    ...(processors === undefined ? {} : { processors: processors.slice(0, keptCounts.processors) }),
  };
  return { facts: bounded, leftOut: keptCounts.leftOut };
}

/** Reads stored facts, and cuts facts that were stored before the current bound. */
export function readStoredFacts(json: string): HardwareFacts {
  const facts: HardwareFacts = JSON.parse(json);
  const fits = json.length <= FACTS_BYTES_MAX && facts.disks.length <= DISKS_KEPT_MAX;
  return fits ? facts : boundFacts(facts).facts;
}
