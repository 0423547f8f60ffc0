// Schemas of the daemon's answers to commands. A daemon or region of another version leaves out
// what has a default here.

import { z } from 'zod';
import { formatMac, parseMac } from '../../ground/address.ts';

const listening = z.object({ listening: z.array(z.string()) }).optional();

export const statusShape = z.object({
  name: z.string(),
  version: z.string(),
  pid: z.number(),
  uptimeMs: z.number(),
  memoryBytes: z.number(),
  interfaces: z.array(
    z.object({
      name: z.string(),
      interface: z.string(),
      network: z.string(),
      mode: z.string().default('server'),
      serving: z.boolean(),
      reason: z.string(),
    }),
  ),
  dhcp: z
    .object({
      ranges: z
        .array(z.object({ network: z.string(), usable: z.number(), used: z.number(), level: z.string() }))
        .default([]),
    })
    .optional(),
  tftp: listening,
  http: listening,
  dns: listening,
  machinesKnown: z.number(),
  region: z
    .object({
      mode: z.string(),
      state: z.string(),
      addresses: z.array(z.string()),
      eventsWaiting: z.number(),
      desiredVersion: z.number(),
      desiredSince: z.number().optional(),
      problem: z.string().optional(),
      /** Only of a region apart from its racks. */
      store: z.string().optional(),
      /** Only of a region on PostgreSQL. */
      duties: z.object({ holder: z.string(), isHere: z.boolean() }).optional(),
      link: z
        .object({
          /** Of region.url. */
          addresses: z
            .array(
              z.object({
                url: z.string(),
                isInUse: z.boolean(),
                answeredMs: z.number().optional(),
                failure: z.object({ text: z.string(), sinceMs: z.number() }).optional(),
              }),
            )
            .default([]),
          since: z.number(),
          text: z.string(),
          lastContact: z.number().optional(),
          lastHeartbeat: z.number().optional(),
          heartbeatMs: z.number().optional(),
          regionVersion: z.string(),
          deadLetters: z.number(),
          outboxProblem: z.string(),
        })
        .optional(),
    })
    .optional(),
  findings: z
    .array(
      z.object({
        check: z.string(),
        text: z.string(),
        isNote: z.boolean(),
        fix: z.string().optional(),
        cause: z.string().optional(),
      }),
    )
    .default([{ check: 'rackboot', text: 'the daemon is older than this command: restart it', isNote: false }]),
  noted: z.array(z.looseObject({ note: z.string(), text: z.string() })).default([]),
});

export const machineShape = z.looseObject({
  system_id: z.string(),
  hostname: z.string(),
  fqdn: z.string(),
  status_name: z.string(),
  /** The reason of its state. */
  status_message: z.string().default(''),
  /** The code of the reason; older regions do not send it. */
  status_message_code: z.string().optional(),
  /** The present step of its work. */
  work_text: z.string().default(''),
  work_percent: z.number().nullable().default(null),
  work_age: z.number().nullable().default(null),
  architecture: z.string().nullable(),
  cpu_count: z.number(),
  memory: z.number(),
  owner: z.string().nullable().default(null),
  /** No command changes the machine's state until it is unlocked. */
  locked: z.boolean().default(false),
  zone: z.looseObject({ name: z.string() }).optional(),
  pool: z.looseObject({ name: z.string() }).optional(),
  /** Its home racks. */
  rack_names: z.array(z.string()).default([]),
  ip_addresses: z.array(z.string()),
  allocated_ip_addresses: z.array(z.string()).optional(),
  interface_set: z.array(
    z.looseObject({
      name: z.string(),
      mac_address: z.string(),
      discovered: z.array(z.looseObject({ ip_address: z.string() })).optional(),
    }),
  ),
  physicalblockdevice_set: z.array(z.looseObject({ name: z.string(), size: z.number() })),
  hardware_info: z.record(z.string(), z.string().nullable()).nullable(),
  hardware_parts: z
    .looseObject({
      processors: z.array(z.looseObject({ socket: z.string(), cores: z.number(), speed: z.number() })),
      memory_banks: z.array(
        z.looseObject({ locator: z.string(), size_mib: z.number(), type: z.string(), speed: z.number() }),
      ),
      memory_slots: z.number(),
      bmc: z.looseObject({ interface: z.string(), version: z.string() }).nullable(),
      virtualization: z.string(),
      secure_boot: z.boolean().nullable(),
    })
    .optional(),
});
export const machinesShape = z.array(machineShape);
export const progressShape = machineShape.pick({
  status_name: true,
  status_message: true,
  status_message_code: true,
  locked: true,
  work_text: true,
  work_percent: true,
  work_age: true,
});
export type MachineShape = z.infer<typeof machineShape>;

const namedShape = machineShape.pick({ system_id: true, hostname: true, fqdn: true, interface_set: true });
export const devicesShape = z.array(namedShape);

/** Finds a machine by system id, hostname, FQDN or hardware address. */
export function findMachineShape<M extends z.infer<typeof namedShape>>(
  machines: readonly M[],
  wanted: string,
): M | undefined {
  const mac = parseMac(wanted);
  const macText = mac === undefined ? undefined : formatMac(mac);
  return machines.find(
    (machine) =>
      [machine.system_id, machine.hostname, machine.fqdn].includes(wanted) ||
      machine.interface_set.some(({ mac_address: address }) => address === macText),
  );
}
