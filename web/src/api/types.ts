// The shapes of the API, by the names that the page uses. They are those of the API's own description (npm run generate).
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
export type Agent = Schemas["Agent"];
export type Row = Schemas["Row"];
export type FleetSnapshot = Schemas["Fleet"];
export type AppsEvent = Schemas["AppsEvent"];
export type BeatEvent = Schemas["BeatEvent"];
export type Blocking = Schemas["Blocking"];
export type Me = Schemas["Me"];
export type Drift = Schemas["Drift"];
export type HistoryRow = Schemas["HistoryRow"];
export type ObjectChange = Schemas["ObjectChange"];
export type Change = Schemas["Change"];
export type ChangeTarget = Schemas["ChangeTarget"];
export type ChangePage = Schemas["ChangePage"];
export type ChangeView = Schemas["OneChange"];
export type DriftView = Schemas["DriftPage"];
export type RepoRow = Schemas["RepoRow"];
export type Cluster = Schemas["ClusterRow"];
export type PullRow = Schemas["PullRow"];
export type PlanApp = Schemas["PullApp"];
export type PullPlan = Schemas["OnePull"];
export type PlanFault = Schemas["Fault"];
export type Pull = Schemas["PullRef"];
export type PullLine = Schemas["ChangePull"];
export type Figures = Schemas["Figures"];
export type Node = Schemas["Node"];
export type Resources = Schemas["Resources"];
export type ObjectView = Schemas["ObjectView"];
export type EventLine = Schemas["LiveEvent"];
export type LogLine = Schemas["LogLine"];
export type Verdict = Schemas["Can"];
export type Can = Record<string, Verdict>;
export type AppView = Schemas["OneApp"];
// Corrections are written with the fields of the drift in them.
export type Entry = Omit<Schemas["Entry"], "corrections"> & { corrections?: (Drift & { count: number })[] };
export type HistoryPage = Omit<Schemas["HistoryPage"], "items"> & { items: Entry[] };
// What a difference of a preview has beside what the description says: its fields.
export type RevertPreview = Omit<Schemas["RevertPreview"], "objects"> & { objects: PlanObject[] };
export type Asked = Schemas["Asked"];
export type LoginWays = Schemas["LoginWays"];
export type LoginCode = Schemas["LoginCode"];
// What a difference of a plan has beside what the description says: its fields.
export type PlanObject = Schemas["ObjectDiff"] & { fields?: { field: string; kind: string; from?: unknown; to?: unknown }[] };
