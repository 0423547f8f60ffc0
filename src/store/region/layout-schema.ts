// The column of a machine's layout (`region/records/machine-layout.ts`).

export const LAYOUTS = `
-- layout: how the network and disks of a machine should be deployed, as JSON; null: as commissioned.
ALTER TABLE machine ADD COLUMN layout TEXT;
`;
