// Racks and the region as MAAS 2.x has them: `rackcontrollers/` and `regioncontrollers/`.
//
// Source: MAAS's handlers of both. `nodegroups/` (`rack-operations.ts`) has the racks with their
// state and their cluster interfaces.
//
// 1. Only accepted racks are shown. Lists take the filters of all nodes; racks have no pool or
//    agent name that they could meet.

import { z } from 'zod';
import { cleanNote } from '../../records/text-json.ts';
import {
  controls,
  defineOperation,
  macFields,
  nothing,
  type Operation,
  optionalText,
  value,
  values,
} from '../call/operation.ts';
import {
  answerPowerParameters,
  changeController,
  describePowerTypes,
  importImages,
  listControllers,
  listImages,
  listRegions,
  powerParameters,
  readController,
  readRackDetails,
  readRegion,
  removeController,
} from './controller-calls.ts';

const NAMED_MAX = 500;
const DESCRIPTION_MAX = 1000;

const racks = { versions: ['2.0'], path: 'rackcontrollers', handler: 'RackControllersHandler' } as const;
const rack = { versions: ['2.0'], path: 'rackcontrollers/{system_id}', handler: 'RackControllerHandler' } as const;
const regions = { versions: ['2.0'], path: 'regioncontrollers', handler: 'RegionControllersHandler' } as const;
const region = {
  versions: ['2.0'],
  path: 'regioncontrollers/{system_id}',
  handler: 'RegionControllerHandler',
} as const;
const reader = { method: 'GET', access: 'user', parameters: nothing } as const;
const order = { method: 'POST', access: 'admin', ownTransaction: true, parameters: nothing } as const;

const controllerChange = z.object({
  zone: optionalText(256, 'The name of its zone.', { hint: '' }),
  domain: value(z.string().max(253))
    .optional()
    .describe('Its domain. Another one is refused: all racks have that of the site.'),
  description: value(
    z
      .string()
      .max(DESCRIPTION_MAX)
      .transform((text) => cleanNote(text, DESCRIPTION_MAX)),
  )
    .optional()
    .describe('A note for people; empty: none.')
    .register(controls, { control: 'area', hint: 'A note for people: where it stands, who cares for it.' }),
  power_type: value(z.enum(['', 'manual'], 'Racks are not switched: omit power_type, or give manual.'))
    .optional()
    .describe('Refused unless it is `manual`: racks are not switched.'),
});

const filter = z.object({
  hostname: values(NAMED_MAX).optional().describe('Only those with these names.'),
  id: values(NAMED_MAX).optional().describe('Only those with these system ids.'),
  domain: values(NAMED_MAX).optional().describe('Only those in these domains.'),
  zone: values(NAMED_MAX).optional().describe('Only those in these zones.'),
  pool: values(NAMED_MAX).optional().describe('None: only machines are in pools.'),
  mac_address: macFields(NAMED_MAX).optional().describe('Only those with these hardware addresses.'),
  agent_name: values(NAMED_MAX).optional().describe('None: only machines are allocated.'),
});
const listing = { method: 'GET', access: 'user', parameters: filter } as const;

const RACKS: readonly Operation[] = [
  defineOperation({
    ...racks,
    ...listing,
    answers: ['rackController'],
    doc: 'List the accepted racks.',
    run: listControllers,
  }),
  defineOperation({
    ...rack,
    ...reader,
    answers: 'rackController',
    doc: 'Read an accepted rack.',
    run: readController,
  }),
  defineOperation({
    ...rack,
    method: 'PUT',
    access: 'admin',
    parameters: controllerChange,
    answers: 'rackController',
    doc: 'Move an accepted rack to a zone, or note something about it.',
    run: changeController,
  }),
  defineOperation({
    ...rack,
    method: 'DELETE',
    access: 'admin',
    ownTransaction: true,
    answers: 'nothing',
    doc: 'Forget a rack. Its machines stay; it may register again.',
    parameters: nothing,
    run: removeController,
  }),
  ...[racks, rack].map((place) =>
    defineOperation({
      ...place,
      ...order,
      op: 'import_boot_images',
      answers: 'text',
      doc: 'Import the selected images of all sources now. The region imports, for all racks.',
      run: importImages,
    }),
  ),
  defineOperation({
    ...rack,
    ...reader,
    op: 'list_boot_images',
    answers: 'rackImages',
    doc: 'List the boot images of a rack, and whether it has them.',
    run: listImages,
  }),
  defineOperation({
    ...rack,
    ...reader,
    op: 'details',
    answers: 'bson',
    doc: 'Read the hardware of a rack: a BSON document in which `lshw` and `lldp` are null, because racks report none.',
    run: readRackDetails,
  }),
  defineOperation({
    ...racks,
    ...reader,
    op: 'describe_power_types',
    answers: ['powerType'],
    doc: 'List the power drivers with their parameters.',
    run: describePowerTypes,
  }),
  defineOperation({
    ...racks,
    ...reader,
    access: 'admin',
    op: 'power_parameters',
    answers: 'map',
    doc: 'Read the power parameters of racks: none, because racks are not switched.',
    parameters: z.object({
      id: values(NAMED_MAX).optional().describe('The racks, by their system ids. Default: all.'),
    }),
    run: async (call, input) => answerPowerParameters(call, input.id),
  }),
  defineOperation({
    ...rack,
    ...reader,
    access: 'admin',
    op: 'power_parameters',
    answers: 'map',
    doc: 'Read the power parameters of a rack: none, because racks are not switched.',
    run: powerParameters,
  }),
];

export const CONTROLLER_OPERATIONS: readonly Operation[] = [
  ...RACKS,
  defineOperation({
    ...regions,
    ...listing,
    answers: ['regionController'],
    doc: 'List the region, as the only one of its kind.',
    run: listRegions,
  }),
  defineOperation({
    ...region,
    ...reader,
    answers: 'regionController',
    doc: 'Read the region.',
    run: readRegion,
  }),
];
