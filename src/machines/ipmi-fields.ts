// The fields of an IPMI BMC that a machine may propose for itself, and their values. The region
// checks a proposal by them, and the driver the parameters with which it switches the machine.
//
// 1. A value is checked as trimmed text. The address is not among them: the driver looks up a name,
//    and a machine may propose numbers only.

import { z } from 'zod';

const printable = (charactersMax: number) => z.string().regex(new RegExp(`^[\\x20-\\x7e]{1,${charactersMax}}$`));

export const IPMI_FIELDS = {
  // IPMI v2.0 §22.28: 16 bytes; §22.30: 20.
  power_user: printable(16),
  power_pass: printable(20),
  power_driver: z.enum(['LAN_2_0', 'LAN']),
  power_boot_type: z.enum(['auto', 'legacy', 'efi']),
  cipher_suite_id: z.enum(['0', '1', '2', '3', '6', '7', '8', '11', '12', '15', '16', '17']),
  privilege_level: z.enum(['USER', 'OPERATOR', 'ADMIN']),
  // ipmitool accepts other keys only as an argument, which every user can see.
  k_g: z.string().regex(/^[\x21-\x7e]{1,20}$/),
  mac_address: z.string().regex(/^[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}$/),
} as const;
