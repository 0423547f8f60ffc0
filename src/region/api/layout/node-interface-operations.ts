// Reading the interfaces of a machine, as they should be deployed.
//
// Source: MAAS's `nodes/{system_id}/interfaces/`. `machines/{system_id}/interfaces/` is the same.

import { findInterface, interfacesOf } from '../../layout/interfaces.ts';
import { whereabouts } from '../../life/whereabouts.ts';
import type { Machine } from '../../records/machine.ts';
import { type Answer, json, NO_MACHINE, refuse } from '../call/answer.ts';
import { type ApiCall, defineOperation, nothing, type Operation } from '../call/operation.ts';
import { interfaceJson, interfacesJson } from '../json/node-interface-json.ts';
import { nodeOf } from '../machines/machine-calls.ts';
import { shownName } from './layout-calls.ts';

/** The refusal of a path that names no interface of this machine. */
const noInterface = ({ path }: ApiCall, { hostname }: Machine): Answer =>
  refuse('not-found.node-interface', { machine: hostname, name: shownName(path.id) });

async function list(call: ApiCall): Promise<Answer> {
  const machine = await nodeOf(call);
  if (machine === undefined) return NO_MACHINE;
  return json(interfacesJson(machine, whereabouts(call.region).networks()));
}

async function read(call: ApiCall): Promise<Answer> {
  const machine = await nodeOf(call);
  if (machine === undefined) return NO_MACHINE;
  const all = interfacesOf(machine, whereabouts(call.region).networks());
  const one = findInterface(all, call.path.id ?? '');
  return one === undefined ? noInterface(call, machine) : json(interfaceJson(machine, one, all));
}

const readingAt = (nodes: string, group: string): readonly Operation[] => {
  const common = { versions: ['2.0'], method: 'GET', access: 'user', parameters: nothing } as const;
  const path = `${nodes}/{system_id}/interfaces`;
  return [
    defineOperation({
      ...common,
      ...{ path, handler: `${group}sHandler` },
      doc: 'List the interfaces of a machine, those of its hardware first.',
      run: list,
    }),
    defineOperation({
      ...common,
      ...{ path: `${path}/{id}`, handler: `${group}Handler` },
      doc: 'Read one interface of a machine, by its id, its name or its hardware address.',
      run: read,
    }),
  ];
};

/** The interfaces of machines, in version 2.0. */
export const NODE_INTERFACE_OPERATIONS: readonly Operation[] = [
  ...readingAt('nodes', 'Interface'),
  ...readingAt('machines', 'MachineInterface'),
];
