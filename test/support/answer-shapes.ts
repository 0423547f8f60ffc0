// The daemon's answers that only tests parse.

import { z } from 'zod';

/** The part of the listed leases that tests read. */
export const leasesShape = z.array(
  z.object({
    address: z.string(),
    mac: z.string(),
    state: z.string(),
    machine: z.string().optional(),
    hostname: z.string().optional(),
    expiresAt: z.string(),
  }),
);
