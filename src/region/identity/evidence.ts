// Weighs the evidence that two descriptions belong to one machine: hardware addresses, UUID, serial
// numbers, asset tag and BMC.
//
//   address of an interface   100, plus 20 if several are the same; 50 for a portable adapter
//   UUID                       60 if it is the same, -40 if it differs
//   serial number              40, -50        board's serial number 20, -20        asset tag 10
//   BMC's hardware address     40, -30        BMC's address         20
//   vendor and product              -30
//
// So one address is enough. A UUID alone is not (`recognition.ts` requires a second value): some
// boards are all sold with the same one; nor is a serial number, unique only for its maker. A card
// that moved to another chassis (another UUID and serial number) does not take its machine along.
//
// Sources: SMBIOS 3.7 §7.2 (system), §7.3 (board), §7.4 (chassis).
//
// 1. Values that do not identify a machine (`hardware-identity.ts`), or that several machines of
//    this region show, weigh nothing.
// 2. Without a common address, a different UUID or serial number rules out a match, whatever else
//    is the same.
// 3. The score is symmetric.

import { formatMac, type MacAddress, parseIpv4, parseMac } from '../../ground/address.ts';
import { IDENTITY_KINDS, type IdentityKind } from '../records/events.ts';
import type { HardwareFacts } from '../records/hardware-facts.ts';
import type { PowerParameters } from '../records/power-parameters.ts';
import {
  identifyingSerial,
  identifyingUuid,
  isBmcInterface,
  isIdentifyingMac,
  isPortableNic,
} from './hardware-identity.ts';

/** The weight of each value if it is the same, and if it differs. */
const WEIGHTS = {
  mac: 100,
  furtherMac: 20,
  portableMac: 50,
  uuid: { same: 60, other: -40 },
  serial: { same: 40, other: -50 },
  'board-serial': { same: 20, other: -20 },
  'asset-tag': { same: 10, other: 0 },
  'bmc-mac': { same: 40, other: -30 },
  'bmc-address': { same: 20, other: 0 },
  otherProduct: -30,
} as const;

/** The minimum score for one machine. */
export const SAME_SCORE = 50;
/** The minimum score for a possible match, on which a person must decide. */
export const SUSPECT_SCORE = 30;

export interface Evidence {
  readonly macs: readonly MacAddress[];
  /** The addresses of portable adapters, which people carry between machines. */
  readonly portable: ReadonlySet<MacAddress>;
  readonly values: Readonly<Partial<Record<IdentityKind, string>>>;
  readonly product: string;
}

export const identityKey = (kind: IdentityKind, value: string): string => `${kind} ${value}`;

export function identityKeys(evidence: Evidence): readonly string[] {
  return IDENTITY_KINDS.flatMap((kind) => {
    const value = evidence.values[kind];
    return value === undefined ? [] : [identityKey(kind, value)];
  });
}

export function collectEvidence(of: {
  readonly macs: readonly MacAddress[];
  readonly facts: HardwareFacts | undefined;
  readonly uuid?: string | undefined;
  readonly serial?: string | undefined;
  readonly powerParameters: PowerParameters;
}): Evidence {
  const { facts } = of;
  const dmi = facts?.dmi;
  const drivers = new Map<string, string>();
  for (const nic of facts?.nics ?? []) drivers.set(nic.mac.toLowerCase().replace(/-/g, ':'), nic.driver);
  const driverOf = (mac: MacAddress) => drivers.get(formatMac(mac)) ?? '';
  const boot = of.macs[0];
  const macs = of.macs.filter((mac) => isIdentifyingMac(mac) && (mac === boot || !isBmcInterface(driverOf(mac))));
  return {
    macs,
    portable: new Set(macs.filter((mac) => isPortableNic(mac, driverOf(mac)))),
    values: defined({
      uuid: identifyingUuid(dmi?.uuid) ?? of.uuid,
      serial: (identifyingSerial(dmi?.serial) ?? of.serial)?.toUpperCase(),
      'board-serial': identifyingSerial(dmi?.board_serial)?.toUpperCase(),
      'asset-tag': identifyingSerial(dmi?.chassis_asset_tag)?.toUpperCase(),
      'bmc-mac': findBmcMac(of.powerParameters),
      'bmc-address': findBmcAddress(of.powerParameters),
    }),
    product: `${dmi?.vendor ?? ''} ${dmi?.product ?? ''}`.trim().toLowerCase(),
  };
}

function defined(values: Readonly<Record<IdentityKind, string | undefined>>): Evidence['values'] {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function findBmcMac(parameters: PowerParameters) {
  const value = parameters.mac_address;
  const mac = typeof value === 'string' ? parseMac(value) : undefined;
  return mac === undefined || !isIdentifyingMac(mac) ? undefined : formatMac(mac);
}

function findBmcAddress(parameters: PowerParameters) {
  const value = parameters.power_address;
  return typeof value === 'string' && parseIpv4(value) !== undefined && value !== '0.0.0.0' ? value : undefined;
}

export interface Weighing {
  readonly score: number;
  readonly macs: readonly MacAddress[];
  /** The values that are the same, and those that differ. */
  readonly same: readonly IdentityKind[];
  readonly other: readonly IdentityKind[];
  /** True if the two cannot be one machine. */
  readonly isRuledOut: boolean;
}

/** Compares two descriptions. @param shared the keys that several machines show, which weigh nothing */
export function weigh(a: Evidence, b: Evidence, shared: ReadonlySet<string>): Weighing {
  const macs = a.macs.filter((mac) => b.macs.includes(mac));
  const fixed = macs.filter((mac) => !a.portable.has(mac) && !b.portable.has(mac));
  const first = fixed.length > 0 ? WEIGHTS.mac : macs.length > 0 ? WEIGHTS.portableMac : 0;
  let score = first + (macs.length > 1 ? WEIGHTS.furtherMac : 0);
  const same: IdentityKind[] = [];
  const other: IdentityKind[] = [];
  for (const kind of IDENTITY_KINDS) {
    const [mine, yours] = [a.values[kind], b.values[kind]];
    if (mine === undefined || yours === undefined) continue;
    if (shared.has(identityKey(kind, mine)) || shared.has(identityKey(kind, yours))) continue;
    (mine === yours ? same : other).push(kind);
    score += mine === yours ? WEIGHTS[kind].same : WEIGHTS[kind].other;
  }
  if (a.product !== '' && b.product !== '' && a.product !== b.product) score += WEIGHTS.otherProduct;
  const isRuledOut = macs.length === 0 && (other.includes('uuid') || other.includes('serial'));
  return { score, macs, same, other, isRuledOut };
}
