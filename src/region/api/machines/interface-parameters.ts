// The parameters of interfaces of machines.
//
// Source: MAAS's forms of bonds and bridges, with their defaults; the kernel's
// Documentation/networking/bonding.rst for the accepted values.

import { z } from 'zod';
import { INTERFACE_NAME, INTERFACE_NAME_FORM } from '../../layout/interface-changes.ts';
import type { LaidInterface } from '../../records/machine-layout.ts';
import { PART_TAGS_MAX } from '../../records/machine-layout.ts';
import { controls, flagParameter, isTrue, macField, numberText, value, values } from '../call/operation.ts';

/** The smallest and the largest frame, in bytes: IPv4's own minimum, and what Ethernet cards take at most. */
const MTU = { min: 552, max: 65_535 } as const;
const MILLISECONDS_MAX = 3_600_000;
/** Mbit/s. */
const SPEED_MAX = 10_000_000;

const digits = numberText(/^\d{1,15}$/);
export const whole = digits.transform(Number);
const upTo = (max: number) => whole.pipe(z.number().max(max));

export const commonParameters = z.object({
  name: value(
    z
      .string()
      .max(32, INTERFACE_NAME_FORM)
      .refine((text) => INTERFACE_NAME.test(text), INTERFACE_NAME_FORM),
  )
    .optional()
    .describe('Its name on the deployed system: at most 15 letters, digits, `.`, `_` and `-`.'),
  mac_address: macField.optional().describe('Its hardware address. Default: that of an interface it is made of.'),
  tags: values(PART_TAGS_MAX).optional().describe('Its tags.'),
  vlan: value(
    z
      .string()
      .regex(/^\d{0,15}$/, 'Give the id of a VLAN, a number (vlans lists them); empty: disconnected.')
      .transform((text) => (text === '' ? ('' as const) : Number(text))),
  )
    .optional()
    .describe('The id of its VLAN; empty: disconnected.')
    .register(controls, { control: 'number' }),
  mtu: value(whole.pipe(z.number().min(MTU.min).max(MTU.max)))
    .optional()
    .describe('Its largest frame in bytes.'),
  accept_ra: flagParameter('True: the deployed system takes IPv6 addresses and routes from router advertisements.'),
});

const speed = (description: string) => value(upTo(SPEED_MAX)).optional().describe(description);

export const linkStateParameters = {
  link_connected: flagParameter('True: it has a cable. Default: as the machine reports it.'),
  link_speed: speed('The speed of its link in Mbit/s, at most interface_speed; 0 without a cable.'),
  interface_speed: speed('The speed of the interface in Mbit/s.'),
} as const;

const choice = <const V extends readonly [string, ...string[]]>(names: V, description: string) =>
  value(z.enum(names))
    .optional()
    .describe(`${description}: ${names.join(', ')}.`);
const milliseconds = (description: string) => value(upTo(MILLISECONDS_MAX)).optional().describe(description);

export const bondParameters = {
  bond_mode: choice(
    ['active-backup', 'balance-rr', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb', 'balance-alb'],
    'How the bond uses its interfaces',
  ),
  bond_miimon: milliseconds('How often the bond checks its links, in milliseconds.'),
  bond_downdelay: milliseconds('How long after the loss of a link the bond stops using it, in milliseconds.'),
  bond_updelay: milliseconds('How long after the return of a link the bond uses it, in milliseconds.'),
  bond_lacp_rate: choice(['fast', 'slow'], 'How often the partner of an 802.3ad bond sends LACP frames'),
  bond_xmit_hash_policy: choice(
    ['layer2', 'layer2+3', 'layer3+4', 'encap2+3', 'encap3+4'],
    'How the bond chooses the interface for a frame',
  ),
  bond_num_grat_arp: value(upTo(255)).optional().describe('How many times the bond announces itself after a change.'),
} as const;

export const bridgeParameters = {
  bridge_type: value(z.literal('standard', 'Give standard: no other bridge (ovs) can be deployed.'))
    .optional()
    .describe('The kind of the bridge: standard.'),
  bridge_stp: flagParameter('True: use the spanning tree protocol.'),
  bridge_fd: value(upTo(255)).optional().describe('The forward delay in seconds.'),
} as const;

const DEFAULTS = {
  bond: {
    bond_mode: 'active-backup',
    bond_miimon: 100,
    bond_downdelay: 0,
    bond_updelay: 0,
    bond_lacp_rate: 'fast',
    bond_xmit_hash_policy: 'layer2',
    bond_num_grat_arp: 1,
  },
  bridge: { bridge_type: 'standard', bridge_stp: false, bridge_fd: 15 },
} as const satisfies Readonly<Record<string, LaidInterface['params']>>;

/**
 * The settings of a bond or a bridge among parameters. @param made the kind of a new interface,
 * which has the others by default
 */
export function parseInterfaceParams(
  input: Readonly<Record<string, unknown>>,
  made?: keyof typeof DEFAULTS,
): LaidInterface['params'] {
  const chosen: Record<string, string | number | boolean> = made === undefined ? {} : { ...DEFAULTS[made] };
  for (const name of Object.keys({ ...bondParameters, ...bridgeParameters, accept_ra: true })) {
    const setting = input[name];
    if ((name === 'bridge_stp' || name === 'accept_ra') && typeof setting === 'string') chosen[name] = isTrue(setting);
    else if (typeof setting === 'string' || typeof setting === 'number') chosen[name] = setting;
  }
  return chosen;
}
