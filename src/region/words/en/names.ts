// The names of a machine's states and of the types of events. English uses the names in MAAS's API.

import { type MachineStatus, statusRow } from '../../records/lifecycle.ts';
import { EVENT_TYPES, type MachineEventType } from '../../records/machine-event.ts';

export const stateName = (status: MachineStatus): string => statusRow(status).name;
export const eventTypeName = (type: MachineEventType): string => EVENT_TYPES[type].title;
