// `rackboot machines merge`, `split`, `keep-apart` and `move`: correct which records belong to one
// machine, and its home rack; and the lines of `machines show` with its identifying values.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { askRegion, type Where } from '../terminal/asking.ts';
import { devicesShape, findMachineShape, type MachineShape, machinesShape } from '../terminal/shapes.ts';

const identityShape = z.object({
  /** Older regions do not send the home. */
  home: z.array(z.string()).default([]),
  is_vouched: z.boolean(),
  power_is_proposed: z.boolean(),
  evidence: z.array(
    z.object({
      kind: z.string(),
      value: z.string(),
      is_shared: z.boolean(),
      is_portable: z.boolean(),
      is_vouched: z.boolean(),
    }),
  ),
  conflicts: z.array(z.object({ system_id: z.string(), other: z.string(), text: z.string() })),
});

/** The titles of kinds of evidence. Other kinds are shown by their API name. */
const EVIDENCE_TITLES: Readonly<Record<string, string>> = {
  mac: 'Hardware address',
  uuid: 'UUID',
  serial: 'Serial number',
  'board-serial': 'Board serial',
  'asset-tag': 'Asset tag',
  'bmc-mac': 'BMC address',
  'bmc-address': 'BMC IP address',
};

const DEVICES_PATH = '/MAAS/api/2.0/devices/';

/**
 * Finds a machine by system id, hostname, FQDN or hardware address. @throws RackError `not-found`
 */
export async function findMachine(where: Where, wanted: string): Promise<MachineShape> {
  const machines = machinesShape.parse(await askRegion(where, MACHINES_PATH));
  const machine = findMachineShape(machines, wanted);
  if (machine === undefined) {
    const device = findMachineShape(devicesShape.parse(await askRegion(where, DEVICES_PATH)), wanted);
    if (device !== undefined)
      throw new RackError('not-found', `${wanted} is a device: \`rackboot devices read\` shows all`);
    const hint = composeNearestHint(
      wanted.toLowerCase(),
      machines.flatMap(({ hostname, fqdn }) => [hostname, fqdn]),
    );
    throw new RackError('not-found', `no machine is called ${wanted}; ${hint}\`rackboot machines list\` shows all`);
  }
  return machine;
}

export async function identityFields(
  where: Where,
  machine: MachineShape,
): Promise<readonly (readonly [string, string])[]> {
  const identity = identityShape.parse(await askRegion(where, `${MACHINES_PATH}${machine.system_id}/?op=identity`));
  const lines = identity.evidence.map((line): readonly [string, string] => {
    const notes = [
      line.is_vouched ? 'booted from it, confirmed by its rack' : '',
      line.is_portable ? 'an adapter that may move between machines' : '',
      line.is_shared ? 'no evidence: other machines have the same' : '',
    ].filter((note) => note !== '');
    return [
      EVIDENCE_TITLES[line.kind] ?? line.kind,
      `${line.value}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`,
    ];
  });
  const conflicts = identity.conflicts.map((conflict): readonly [string, string] => {
    if (conflict.system_id === conflict.other) return ['Conflict', `${conflict.system_id} ${conflict.text}`];
    const ids = `${conflict.system_id} ${conflict.other}`;
    return [
      'Conflict',
      `${conflict.system_id} ${conflict.text}; if so: rackboot machines merge ${ids}; if not: rackboot machines keep-apart ${ids}`,
    ];
  });
  return [
    ...lines,
    ...(identity.home.length === 0 ? [] : [['Home', `rack ${identity.home.join(', ')}`] as const]),
    ...(identity.is_vouched ? [] : [['Confirmed', 'by no rack'] as const]),
    ...(identity.power_is_proposed ? [['Power', 'reported by the machine; unused until it is accepted'] as const] : []),
    ...conflicts,
  ];
}

export interface MachineArguments extends Where {
  readonly machine: string;
  readonly comment?: string | undefined;
}
