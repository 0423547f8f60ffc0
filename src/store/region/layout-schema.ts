// The columns of a machine's layout (`region/records/machine-layout.ts`), of devices, and of the name of who allocated a machine.

export const LAYOUTS = `
-- layout: how the network and disks of a machine should be deployed, as JSON; null: as commissioned.
ALTER TABLE machine ADD COLUMN layout TEXT;
-- device: null: it is a machine. Otherwise it is a device, and this the system id of its parent; empty: it has none.
ALTER TABLE machine ADD COLUMN device TEXT;
`;

/** The name that the client who allocated a machine gave; null: none. */
export const AGENT_NAMES = `
ALTER TABLE machine ADD COLUMN agent_name TEXT;
CREATE INDEX machine_agent_name ON machine (agent_name) WHERE agent_name IS NOT NULL;
`;
