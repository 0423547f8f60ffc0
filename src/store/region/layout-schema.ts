// The columns of a machine's layout (`region/records/machine-layout.ts`), and of devices.

export const LAYOUTS = `
-- layout: how the network and disks of a machine should be deployed, as JSON; null: as commissioned.
ALTER TABLE machine ADD COLUMN layout TEXT;
-- device: null: it is a machine. Otherwise it is a device, and this the system id of its parent; empty: it has none.
ALTER TABLE machine ADD COLUMN device TEXT;
`;
