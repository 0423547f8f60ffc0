// `rackboot neighbours`: the hosts that the running rack has seen on its networks.

import { z } from 'zod';
import { RackError } from '../../ground/errors.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { askConfig } from '../terminal/config-in-force.ts';
import { formatDuration, tableText } from '../terminal/output.ts';

const neighboursShape = z.array(
  z.looseObject({
    interface: z.string(),
    address: z.string(),
    mac: z.string(),
    machine: z.string().optional(),
    hostname: z.string().optional(),
    firstSeen: z.string(),
    secondsAgo: z.number(),
    previousMac: z.string().optional(),
    movedAt: z.string().optional(),
  }),
);

/** The columns of the table. BEFORE is the address's previous MAC, MOVED the time when it changed. */
export const NEIGHBOUR_HEADINGS = ['INTERFACE', 'ADDRESS', 'MAC', 'NAME', 'FIRST SEEN', 'SEEN', 'BEFORE', 'MOVED'];

/** The row of one neighbour. */
export const neighbourRow = (neighbour: z.output<typeof neighboursShape>[number]): readonly string[] => [
  neighbour.interface,
  neighbour.address,
  neighbour.mac,
  neighbour.machine ?? neighbour.hostname ?? '',
  neighbour.firstSeen,
  `${formatDuration(neighbour.secondsAgo * 1000)} ago`,
  neighbour.previousMac ?? '',
  neighbour.movedAt ?? '',
];

interface NeighboursArguments extends Where {
  /** Only on this interface; undefined: on all. */
  readonly interface?: string | undefined;
}

/**
 * Lists the neighbours. @returns 0 @throws RackError `bad-argument` for an interface that the rack
 * does not serve, as `askDaemon`
 */
export async function listNeighbours({ interface: name, ...where }: NeighboursArguments): Promise<number> {
  const all = neighboursShape.parse(await askRegion(where, '/neighbours'));
  const wanted = name === undefined ? all : all.filter((neighbour) => neighbour.interface === name);
  if (name !== undefined && wanted.length === 0) await checkInterface(where.config, name);
  return printAnswer(where, wanted, tableText(NEIGHBOUR_HEADINGS, wanted.map(neighbourRow), 'No hosts seen yet.'));
}

async function checkInterface(configFile: string, name: string): Promise<void> {
  const { config } = await askConfig(configFile);
  const interfaces = new Set(config.clusterInterfaces.flatMap(({ interfaceName }) => interfaceName ?? []));
  if (interfaces.has(name)) return;
  const names = [...interfaces].join(', ');
  throw new RackError('bad-argument', `${name} belongs to no cluster interface; those have ${names || 'no interface'}`);
}
