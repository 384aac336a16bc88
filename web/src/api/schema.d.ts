// Written by npm run generate from docs/reference/openapi.json.
export interface paths {
    "/apps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Apps: search, choose, sort */
        get: operations["apps"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One App, and the same app elsewhere */
        get: operations["app"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events of Kubernetes about an app */
        get: operations["events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The record of an app, newest first */
        get: operations["history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What containers say, as server-sent events: line, beat, end */
        get: operations["logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/object": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One object: as it is, as Git has it, and what differs */
        get: operations["object"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop applying and healing, with a reason */
        post: operations["pause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/resources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The objects of an app, and what those made, as you may see them */
        get: operations["resources"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask for a pass that puts right what differs from Git */
        post: operations["restore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a pause */
        post: operations["resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Run the hooks again that have failed; can.retry.does names them */
        post: operations["retry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/revert": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What that pull request would change */
        get: operations["previewRevert"];
        put?: never;
        /** Open the pull request that takes the newest change back */
        post: operations["revert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apps/{namespace}/{name}/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask for a pass */
        post: operations["sync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Commits, and what became of each */
        get: operations["changes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/changes/{commit}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One commit, and what it changed in each app */
        get: operations["change"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Clusters, and the agent */
        get: operations["clusters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/drift": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What differs from Git, and what was undone, by who did it */
        get: operations["drift"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/figures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Time from commit to healthy, deploys, failures, recovery */
        get: operations["figures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/fleet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All that you may see, in columns */
        get: operations["fleet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How people may come in */
        get: operations["loginWays"];
        put?: never;
        /** A code for a browser, for a bearer token of the API server or the agent's own */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the session */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who you are, and which agent this is */
        get: operations["me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/pulls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Open pull requests: those that have a plan, and those from forks that wait for somebody's word */
        get: operations["pulls"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/pulls/{namespace}/{name}/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The plan of one pull request */
        get: operations["pull"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/repos": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Repos */
        get: operations["repos"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What changes, as server-sent events: apps, repos, changes, pulls, beat, reset */
        get: operations["stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Agent: {
            /**
             * Format: date-time
             * @description When it was last heard from
             */
            heard?: string;
            /** @description It shows what it would do, and writes no object of a user */
            readOnly?: boolean;
            /** @description Since when it has not been heard from; absent while it is */
            silent?: string;
        };
        App: {
            apiVersion?: string;
            kind?: string;
            metadata?: components["schemas"]["ObjectMeta"];
            spec: components["schemas"]["AppSpec"];
            status?: components["schemas"]["AppStatus"];
        };
        AppCounts: {
            /** Format: int64 */
            drifted: number;
            /** Format: int64 */
            failed: number;
            /** Format: int64 */
            ok: number;
            /** Format: int64 */
            paused: number;
            /** Format: int64 */
            rolling: number;
            /** Format: int64 */
            total: number;
            /** Format: int64 */
            unknown: number;
            /** Format: int64 */
            waiting: number;
        };
        AppHandled: {
            adopt?: string;
            giveBack?: string;
            hold?: string;
            revert?: string;
            sync?: string;
        };
        AppSource: {
            name: string;
            repo: string;
            revision?: string;
            secret?: string;
        };
        AppSpec: {
            app?: string;
            charts?: components["schemas"]["ChartAccess"][];
            cluster?: string;
            env?: string;
            namespace?: string;
            path: string;
            pause?: components["schemas"]["Pause"];
            repo: string;
            revision?: string;
            secret?: string;
            serviceAccount?: string;
            settings?: components["schemas"]["Settings"];
            sources?: components["schemas"]["AppSource"][];
        };
        AppStatus: {
            /** Format: date-time */
            asOf?: string;
            blocking?: components["schemas"]["Blocking"];
            changedBy?: string[];
            charts?: components["schemas"]["ChartStatus"][];
            conditions?: components["schemas"]["Condition"][];
            consentBase?: string;
            drift?: components["schemas"]["Drift"][];
            endHooks?: components["schemas"]["EndHooks"];
            handled?: components["schemas"]["AppHandled"];
            health?: string;
            held?: components["schemas"]["Held"];
            /** Format: int64 */
            heldCount?: number;
            heldDeletions?: components["schemas"]["HeldDeletion"][];
            history?: components["schemas"]["HistoryRow"][];
            inventory?: string[];
            objects?: components["schemas"]["Counts"];
            pending?: components["schemas"]["Pending"];
            revert?: components["schemas"]["ProposedRevert"];
            revision?: string;
            shortRevision?: string;
            sources?: components["schemas"]["SourceStatus"][];
            state?: string;
            summary?: string;
            target?: string;
            verified?: string;
            waitingFor?: components["schemas"]["WaitingFor"][];
            warnings?: string[];
        };
        AppsEvent: {
            /** @description Ids of those that are gone */
            gone: string[];
            rows: components["schemas"]["Row"][];
            /** Format: int64 */
            seq: number;
        };
        Asked: {
            accepted: boolean;
            text: string;
            /** @description of the pull request of a revert */
            url?: string;
        };
        BeatEvent: {
            agent: components["schemas"]["Agent"];
            /** Format: date-time */
            at: string;
        };
        Blocking: {
            kind: string;
            lastEvent?: string;
            log?: string[];
            message?: string;
            name: string;
            namespace?: string;
        };
        Can: {
            /** @description What it does, where that depends on how the app is: a retry names the hook */
            does?: string;
            ok: boolean;
            why?: string;
        };
        Change: {
            author: string;
            /** @description How many targets are how */
            counts: components["schemas"]["Facet"][];
            /** @description The commit */
            id: string;
            /** @description The pull request that brought it, if the forge has said so */
            pull?: components["schemas"]["ChangePull"];
            /** @description <namespace>/<name> of the Repo; empty for Apps by hand */
            repo: string;
            /**
             * Format: date-time
             * @description When the agent met it first
             */
            seen?: string;
            /** @description The worst of its targets: failed, rolling, waiting, paused, held, drifted, ok, or superseded if it is nowhere the newest */
            state: string;
            subject: string;
            targets: components["schemas"]["ChangeTarget"][];
            /**
             * Format: date-time
             * @description When it was committed, by its own word
             */
            time?: string;
        };
        ChangeFacets: {
            author: components["schemas"]["Facet"][];
            env: components["schemas"]["Facet"][];
            repo: components["schemas"]["Facet"][];
            state: components["schemas"]["Facet"][];
        };
        ChangeLine: {
            author?: string;
            id: string;
            pull?: components["schemas"]["PullRef"];
            subject?: string;
            /** Format: date-time */
            time?: string;
        };
        ChangePage: {
            facets: components["schemas"]["ChangeFacets"];
            items: components["schemas"]["Change"][];
            /** @description The cursor of what follows; absent at the end */
            next?: string;
            /** Format: int64 */
            total: number;
        };
        ChangePull: {
            author?: string;
            /** Format: int64 */
            number: number;
            reviews?: components["schemas"]["ReviewLine"][];
            title?: string;
            url?: string;
        };
        ChangeRevert: {
            /** @description What it does, where that depends on how the app is: a retry names the hook */
            does?: string;
            /** @description <namespace>/<name> of the App object */
            id: string;
            ok: boolean;
            why?: string;
        };
        ChangeTarget: {
            app: string;
            /** Format: date-time */
            applied?: string;
            /**
             * Format: int64
             * @description How many objects it changed
             */
            changed: number;
            cluster: string;
            env: string;
            /** Format: date-time */
            healthy?: string;
            /** @description <namespace>/<name> of the App object */
            id: string;
            /** Format: date-time */
            seen?: string;
            /** @description At this commit: ok, rolling, failed, waiting, paused, held, drifted or superseded */
            state: string;
            /**
             * Format: double
             * @description Seconds from when it was seen until it was healthy
             */
            took?: number;
            /** @description Why it is not ok: a reason, or the sentence of what is in hand */
            why?: string;
        };
        ChangedObjects: {
            changes: components["schemas"]["ObjectChange"][];
            counts?: {
                [key: string]: number;
            };
            /** @description <namespace>/<name> of the App object */
            id: string;
            /** @description What changed is not known in full */
            incomplete?: boolean;
            leftOut?: components["schemas"]["LeftOut"];
            /** @description The commit that was applied before */
            previous?: string;
        };
        ChartAccess: {
            secret?: string;
            url: string;
        };
        ChartRef: {
            digest?: string;
            name?: string;
            repo?: string;
            version?: string;
        };
        ChartStatus: {
            digest: string;
            name: string;
            repo?: string;
            version: string;
        };
        ClusterAgent: {
            /**
             * Format: date-time
             * @description When it was last heard from
             */
            heard?: string;
            /** @description It shows what it would do, and writes no object of a user */
            readOnly?: boolean;
            /** @description Since when it has not been heard from; absent while it is */
            silent?: string;
            simulated: boolean;
            version: string;
            /** @description What the sandbox of renders lacks on this kernel */
            weak?: string;
        };
        ClusterFact: {
            name: string;
            ok: boolean;
            text: string;
        };
        ClusterList: {
            /** @description By column, the values that may be chosen; the counts of a column obey the choices of all others */
            facets: {
                [key: string]: components["schemas"]["Facet"][];
            };
            items: components["schemas"]["ClusterRow"][];
            /** @description The cursor of what follows; absent at the end */
            next?: string;
            /**
             * Format: int64
             * @description How many are chosen
             */
            total: number;
        };
        ClusterRow: {
            /** @description The agent that answers, at its own cluster */
            agent?: components["schemas"]["ClusterAgent"];
            /** @description How many apps are how */
            apps: components["schemas"]["Facet"][];
            /** @description What the agent needs to do its work */
            checks: components["schemas"]["ClusterFact"][];
            /** Format: date-time */
            heard?: string;
            name: string;
            /** @description Of its namespace kube-system */
            uid?: string;
            /** @description Of Kubernetes */
            version?: string;
        };
        CommitLine: {
            author?: string;
            id: string;
            subject?: string;
            /** Format: date-time */
            time?: string;
        };
        Condition: {
            /** Format: date-time */
            lastTransitionTime: string;
            message: string;
            /** Format: int64 */
            observedGeneration?: number;
            reason: string;
            status: string;
            type: string;
        };
        Correction: {
            /** Format: int64 */
            count: number;
            field?: string;
            git?: string;
            /** Format: date-time */
            healed?: string;
            kind?: string;
            live?: string;
            manager?: string;
            object: string;
            operation?: string;
            /** Format: date-time */
            seen?: string;
            subresource?: string;
            /** Format: date-time */
            time?: string;
        };
        Counts: {
            /** Format: int64 */
            changed: number;
            /** Format: int64 */
            drifted: number;
            /** Format: int64 */
            toDelete: number;
            /** Format: int64 */
            total: number;
        };
        Day: {
            /** @description YYYY-MM-DD, UTC */
            day: string;
            /** Format: int64 */
            deploys: number;
            /** Format: int64 */
            failed: number;
            /** Format: double */
            leadP50?: number;
            /** Format: double */
            leadP95?: number;
        };
        Drift: {
            field?: string;
            git?: string;
            /** Format: date-time */
            healed?: string;
            kind?: string;
            live?: string;
            manager?: string;
            object: string;
            operation?: string;
            /** Format: date-time */
            seen?: string;
            subresource?: string;
            /** Format: date-time */
            time?: string;
        };
        DriftGroup: {
            /** Format: int64 */
            apps: number;
            /** Format: int64 */
            fields: number;
            /** @description At most 200, in the order that is asked for */
            items: components["schemas"]["DriftItem"][];
            /** @description The field manager; empty if the API server names none */
            manager: string;
            /**
             * Format: int64
             * @description Of them, those that differ now
             */
            open: number;
        };
        DriftItem: {
            /** @description The name that people use */
            address: string;
            /** @description <namespace>/<name> of the App object */
            app: string;
            field?: string;
            git?: string;
            /**
             * Format: date-time
             * @description When it was undone; absent while it differs
             */
            healed?: string;
            /** @description changed, removed, added, missing or label */
            kind?: string;
            live?: string;
            /** @description The field manager that did it; absent if the API server names none */
            manager?: string;
            object: string;
            operation?: string;
            /** Format: date-time */
            seen?: string;
            subresource?: string;
            /**
             * Format: date-time
             * @description When the manager wrote it
             */
            time?: string;
        };
        DriftPage: {
            /** @description By column, the values that may be chosen; the counts of a column obey the choices of all others */
            facets: {
                [key: string]: components["schemas"]["Facet"][];
            };
            /** @description What differs now first, then the largest */
            groups: components["schemas"]["DriftGroup"][];
            /**
             * Format: int64
             * @description Corrections that are remembered: the last of each app
             */
            healed: number;
            items: components["schemas"]["DriftItem"][];
            /** @description The cursor of what follows; absent at the end */
            next?: string;
            /**
             * Format: int64
             * @description Fields that differ now
             */
            open: number;
            /**
             * Format: int64
             * @description How many are chosen
             */
            total: number;
        };
        EndHooks: {
            hooks: string[];
            revision: string;
        };
        Entry: {
            address: string;
            apiVersion?: string;
            app: string;
            appUID: string;
            corrections?: components["schemas"]["Correction"][];
            kind?: string;
            leftOut?: components["schemas"]["LeftOut"];
            metadata?: components["schemas"]["ObjectMeta"];
            result: string;
            revision?: components["schemas"]["RevisionEntry"];
            summary?: string;
        };
        Facet: {
            /** Format: int64 */
            count: number;
            value: string;
        };
        Facets: {
            cluster: components["schemas"]["Facet"][];
            env: components["schemas"]["Facet"][];
            namespace: components["schemas"]["Facet"][];
            repo: components["schemas"]["Facet"][];
            state: components["schemas"]["Facet"][];
        };
        Fault: {
            code?: string;
            message: string;
            next?: string;
            place?: components["schemas"]["Place"];
            reason: string;
        };
        FieldDiff: {
            field: string;
            /** @description where Git says it, where that is known */
            file?: components["schemas"]["FileLine"];
            git?: unknown;
            /**
             * Format: date-time
             * @description when it was put right; absent while it differs
             */
            healed?: string;
            /** @description changed, removed, added or label */
            kind: string;
            live?: unknown;
            manager?: string;
            operation?: string;
            subresource?: string;
            /** Format: date-time */
            time?: string;
        };
        FieldLine: {
            field: string;
            from?: string;
            kind: string;
            to?: string;
        };
        FieldManager: {
            manager: string;
            operation: string;
            subresource?: string;
            /** Format: date-time */
            time?: string;
        };
        FieldsV1: Record<string, never>;
        Figures: {
            /** @description One for each day, the oldest first */
            buckets: components["schemas"]["Day"][];
            /** Format: int64 */
            days: number;
            /**
             * Format: int64
             * @description Revisions that were applied to an app, each app counted
             */
            deploys: number;
            /**
             * Format: int64
             * @description Deploys that failed, for a time or for good, or that a later one took back
             */
            failed: number;
            /**
             * Format: double
             * @description Failed of all, 0 to 1
             */
            failureRate?: number;
            /** Format: date-time */
            from: string;
            /**
             * Format: double
             * @description Seconds from the commit's time to healthy: half of the deploys took no longer
             */
            leadP50?: number;
            /** Format: double */
            leadP95?: number;
            /** @description There were more: what was seen before Since is forgotten */
            leftOut: boolean;
            /**
             * Format: double
             * @description Deploys per day
             */
            perDay: number;
            /**
             * Format: int64
             * @description Of Failed, those after which the app was healthy again: with the same commit, with a later one, or with the one that took it back
             */
            recovered: number;
            /**
             * Format: double
             * @description Seconds from when such a commit was seen until the app was healthy again: half took no longer
             */
            recoveryP50?: number;
            /**
             * Format: int64
             * @description Of them, those that were taken back
             */
            reverted: number;
            /**
             * Format: date-time
             * @description When the first deploy was seen of those that are known, now if there is none
             */
            since: string;
        };
        FileLine: {
            /**
             * Format: int64
             * @description absent where only the file is known
             */
            line?: number;
            /** @description empty where it lies in no file of the repository */
            path: string;
            /** @description what stands there, for example replicaCount or images[0].newTag */
            says?: string;
        };
        Fleet: {
            agent: components["schemas"]["Agent"];
            /** @description Into apps */
            app: number[];
            apps: string[];
            /**
             * Format: date-time
             * @description When it was put together: a large fleet is told from a copy that is up to some seconds old, and the stream tells what follows
             */
            at: string;
            /** @description Likewise, when the newest change reached it; -1 if none did */
            changed: number[];
            /** @description Into clusters */
            cluster: number[];
            clusters: string[];
            /** @description How many objects differ from Git */
            drifted: number[];
            /** @description Into envs */
            env: number[];
            /** @description In the order of promotion */
            envs: string[];
            /**
             * Format: int64
             * @description Length of each column
             */
            n: number;
            /** @description Name of the App object; empty where it is <app>[-<env>][-<cluster>], without the cluster local */
            name: string[];
            /** @description Into namespaces */
            namespace: number[];
            namespaces: string[];
            /** @description Into repos; -1 for an App by hand */
            repo: number[];
            repos: string[];
            /** @description Into revisions: what is applied; -1 before the first */
            revision: number[];
            /** @description Seven digits each */
            revisions: string[];
            /**
             * Format: int64
             * @description What follows comes from /stream?since=<stream>-<seq>
             */
            seq: number;
            /** @description Seconds before at that the state began, in whole minutes after an hour and whole hours after two days; -1 if that is not known, -2 if it is the same as changed */
            since: number[];
            /** @description Into states: as last said, also while the agent is silent */
            state: number[];
            /** @description Worst first */
            states: string[];
            /** @description Names the agent's life; a cursor of the stream is <stream>-<seq> */
            stream: string;
            /** @description Into revisions: what is to be applied, where that is another; else -1 */
            wanted: number[];
            /** @description The sentence of a state that is not ok */
            why: string[];
        };
        HealthRule: {
            degraded?: string;
            healthy?: string;
            kind: string;
            message?: string;
            suspended?: string;
        };
        Held: {
            at: string;
            newest?: string;
        };
        HeldDeletion: {
            object: string;
            reason: string;
        };
        HelmSettings: {
            chart?: components["schemas"]["ChartRef"];
            inline?: components["schemas"]["JSON"];
            release?: string;
            set?: {
                [key: string]: string;
            };
            setFile?: {
                [key: string]: string;
            };
            skipCRDs?: boolean;
            values?: string[];
        };
        HistoryPage: {
            /** @description By column, the values that may be chosen; the counts of a column obey the choices of all others */
            facets: {
                [key: string]: components["schemas"]["Facet"][];
            };
            items: components["schemas"]["Entry"][];
            /** @description The cursor of what follows; absent at the end */
            next?: string;
            /**
             * Format: int64
             * @description How many are chosen
             */
            total: number;
        };
        HistoryRow: {
            /** Format: date-time */
            applied?: string;
            /** Format: int64 */
            changed: number;
            /** Format: date-time */
            healthy?: string;
            /** Format: date-time */
            planned?: string;
            reason?: string;
            result?: string;
            revision: string;
            /** Format: date-time */
            seen?: string;
            took?: string[];
        };
        ID: {
            group?: string;
            kind: string;
            name: string;
            namespace?: string;
        };
        IgnoreRule: {
            field?: string;
            kind: string;
            manager?: string;
            name?: string;
            namespace?: string;
            why: string;
        };
        ImageChange: {
            from?: string;
            to?: string;
        };
        JSON: Record<string, never>;
        KustomizeImage: {
            digest?: string;
            name: string;
            newName?: string;
            newTag?: string;
        };
        KustomizeReplicas: {
            /** Format: int64 */
            count: number;
            name: string;
        };
        KustomizeSettings: {
            annotations?: {
                [key: string]: string;
            };
            images?: components["schemas"]["KustomizeImage"][];
            labels?: {
                [key: string]: string;
            };
            namePrefix?: string;
            nameSuffix?: string;
            replicas?: components["schemas"]["KustomizeReplicas"][];
        };
        LeftOut: {
            /** Format: int64 */
            corrections?: number;
            /** Format: int64 */
            fields?: number;
            /** Format: int64 */
            objects?: number;
        };
        LiveEvent: {
            /** Format: int64 */
            count: number;
            message: string;
            /** @description Kind/namespace/name */
            object: string;
            reason: string;
            /** Format: date-time */
            time: string;
            type: string;
        };
        LiveEvents: {
            items: components["schemas"]["LiveEvent"][];
        };
        LogEnd: {
            /** @description Why it ended before all was said */
            why?: string;
        };
        LogLine: {
            container: string;
            pod: string;
            text: string;
            /** Format: date-time */
            time?: string;
        };
        LoginBodyBody: {
            token: string;
        };
        LoginCode: {
            /** @description Good once: GET /login?code=… */
            code: string;
            /** @description Whose token it is, as the API server says */
            name: string;
            /**
             * Format: date-time
             * @description The code is good until then
             */
            until: string;
        };
        LoginWays: {
            /** @description With a bearer token of the API server: POST /login, or plumb ui. The agent's own token is taken there too */
            kubeconfig: boolean;
            /** @description At /login/oidc?next=<path> */
            oidc: boolean;
        };
        ManagedFieldsEntry: {
            apiVersion?: string;
            fieldsType?: string;
            fieldsV1?: components["schemas"]["FieldsV1"];
            manager?: string;
            operation?: string;
            subresource?: string;
            /** Format: date-time */
            time?: string;
        };
        Me: {
            cluster: components["schemas"]["MyCluster"];
            /**
             * Format: date-time
             * @description When the session ends; absent if it does not
             */
            expires?: string;
            groups: string[];
            /** @enum {string} */
            how: "token" | "kubeconfig" | "oidc";
            /** @description There is a session that may be ended */
            logout: boolean;
            name: string;
            /** @description The agent shows what it would do, and writes no object of a user */
            readOnly: boolean;
            /** @description Pods are simulated here */
            simulated: boolean;
            /** @description Of the agent */
            version: string;
            /** @description What the sandbox of renders lacks on this kernel; empty is nothing */
            weak: string;
        };
        MyCluster: {
            name: string;
            version: string;
        };
        NewsEvent: {
            /** Format: int64 */
            seq: number;
        };
        Node: {
            /** Format: date-time */
            created?: string;
            drifted?: boolean;
            /** @description file:line in Git */
            file?: string;
            group: string;
            /** @description Healthy, Progressing, Degraded, Suspended, Missing, or Unknown where it may not be seen */
            health: string;
            /** @description why this person may not see it live */
            hidden?: string;
            /** @description group/kind/namespace/name */
            key: string;
            kind: string;
            message?: string;
            name: string;
            namespace: string;
            /** @description key of the object that owns it; empty for what Git has */
            parent?: string;
            /** @description of a hook: PreSync, Sync, PostSync, … */
            phase?: string;
            uid?: string;
            version: string;
            /** Format: int64 */
            wave?: number;
        };
        ObjectChange: {
            change: string;
            fields?: components["schemas"]["FieldLine"][];
            from?: string[];
            object: string;
            why?: string;
        };
        ObjectDiff: {
            change: string;
            folded?: boolean;
            notes?: string[];
            object: components["schemas"]["ID"];
            risks?: string[];
        };
        ObjectMeta: {
            annotations?: {
                [key: string]: string;
            };
            /** Format: date-time */
            creationTimestamp?: string;
            /** Format: int64 */
            deletionGracePeriodSeconds?: number;
            /** Format: date-time */
            deletionTimestamp?: string;
            finalizers?: string[];
            generateName?: string;
            /** Format: int64 */
            generation?: number;
            labels?: {
                [key: string]: string;
            };
            managedFields?: components["schemas"]["ManagedFieldsEntry"][];
            name?: string;
            namespace?: string;
            ownerReferences?: components["schemas"]["OwnerReference"][];
            resourceVersion?: string;
            selfLink?: string;
            uid?: string;
        };
        ObjectRef: {
            kind: string;
            name?: string;
            namespace?: string;
        };
        ObjectView: {
            /** @description YAML of the render at the revision that is applied; empty if Git has none */
            desired: string;
            fields: components["schemas"]["FieldDiff"][];
            file?: components["schemas"]["FileLine"];
            /** @description YAML; empty if there is none */
            live: string;
            managers: components["schemas"]["FieldManager"][];
            /** @description it is not in the cluster */
            missing?: boolean;
            /** @description it holds values that are not shown */
            redacted: boolean;
            /** @description that revision */
            revision?: string;
        };
        OnFailure: {
            revert?: string;
            within?: string;
        };
        OneApp: {
            /** @description As docs/reference/resources.md says, without managedFields */
            app: components["schemas"]["App"];
            /** @description What you may do now (sync, restore, pause, resume, retry, revert) and read (logs, events, entries); if not, why */
            can: {
                [key: string]: components["schemas"]["Can"];
            };
            /** @description Lines of a commit message that let held deletions go */
            consent: string[];
            row: components["schemas"]["Row"];
            /** @description The same app in all environments and clusters, itself among them, in the order of promotion */
            siblings: components["schemas"]["Row"][];
            /** @description What plumb why says, line by line */
            why: string[];
        };
        OneChange: {
            author: string;
            /** @description How many targets are how */
            counts: components["schemas"]["Facet"][];
            /** @description The commit */
            id: string;
            /** @description Why some of it is not told */
            notTold?: string;
            /** @description What it changed in each app whose Entries you may read */
            objects: components["schemas"]["ChangedObjects"][];
            /** @description The pull request that brought it, if the forge has said so */
            pull?: components["schemas"]["ChangePull"];
            /** @description <namespace>/<name> of the Repo; empty for Apps by hand */
            repo: string;
            /** @description For each target, whether you can have its part of the commit taken back now; if not, why */
            reverts: components["schemas"]["ChangeRevert"][];
            /**
             * Format: date-time
             * @description When the agent met it first
             */
            seen?: string;
            /** @description The worst of its targets: failed, rolling, waiting, paused, held, drifted, ok, or superseded if it is nowhere the newest */
            state: string;
            subject: string;
            targets: components["schemas"]["ChangeTarget"][];
            /**
             * Format: date-time
             * @description When it was committed, by its own word
             */
            time?: string;
        };
        OnePull: {
            apps?: components["schemas"]["PullApp"][];
            author?: string;
            branch: string;
            conflicts?: string[];
            consent?: string;
            fault?: components["schemas"]["Fault"];
            findings?: components["schemas"]["PullFinding"][];
            head: string;
            lenient?: boolean;
            line: string;
            link?: string;
            mergeBase?: string;
            notes?: string[];
            /** Format: int64 */
            number: number;
            pending?: string;
            repo: string;
            /** @enum {string} */
            status: "pending" | "success" | "failure";
            tip: string;
            title?: string;
            /** Format: int64 */
            unaffected?: number;
            url?: string;
        };
        OwnerReference: {
            apiVersion: string;
            blockOwnerDeletion?: boolean;
            controller?: boolean;
            kind: string;
            name: string;
            uid: string;
        };
        Page: {
            facets: components["schemas"]["Facets"];
            items: components["schemas"]["Row"][];
            /** @description The cursor of what follows; absent at the end */
            next?: string;
            /**
             * Format: int64
             * @description How many rows there are in all
             */
            total: number;
        };
        Pause: {
            at?: string;
            by: string;
            reason: string;
            /** Format: date-time */
            until?: string;
        };
        PauseMoreBody: {
            /** @description Why: everybody sees it */
            reason: string;
            /**
             * Format: date-time
             * @description When it ends by itself; absent: when somebody resumes
             */
            until?: string;
        };
        Pending: {
            /** Format: int64 */
            count: number;
            steps?: components["schemas"]["PendingStep"][];
        };
        PendingStep: {
            action: string;
            object: string;
            why?: string;
        };
        Place: {
            /** Format: int64 */
            column?: number;
            file?: string;
            /** Format: int64 */
            line?: number;
        };
        PlainSettings: {
            exclude?: string[];
            include?: string[];
            recurse?: boolean;
        };
        ProposedRevert: {
            /** Format: date-time */
            at?: string;
            /** Format: int64 */
            conflicts?: number;
            of: string;
            /** Format: int64 */
            pull: number;
            to: string;
            url?: string;
        };
        PullApp: {
            address: string;
            allow?: string[];
            before?: components["schemas"]["Fault"];
            change?: components["schemas"]["ObjectDiff"][];
            cluster?: string;
            differs?: boolean;
            digest?: string;
            drift?: components["schemas"]["ObjectDiff"][];
            environment?: string;
            fault?: components["schemas"]["Fault"];
            images?: components["schemas"]["ImageChange"][];
            merged?: components["schemas"]["ObjectDiff"][];
            notAsked?: string;
            notes?: string[];
            waiting?: components["schemas"]["ObjectDiff"][];
        };
        PullFinding: {
            app?: string;
            excused?: string;
            groups?: string[];
            level: string;
            message: string;
            object?: string;
            place?: string;
            rule: string;
        };
        PullLine: {
            author?: string;
            /** Format: int64 */
            number: number;
            reviews?: components["schemas"]["ReviewLine"][];
            title?: string;
            url?: string;
        };
        PullList: {
            /** @description By column, the values that may be chosen; the counts of a column obey the choices of all others */
            facets: {
                [key: string]: components["schemas"]["Facet"][];
            };
            items: components["schemas"]["PullRow"][];
            /** @description The cursor of what follows; absent at the end */
            next?: string;
            /**
             * Format: int64
             * @description How many are chosen
             */
            total: number;
        };
        PullRef: {
            /** Format: int64 */
            number: number;
            url?: string;
        };
        PullRow: {
            /**
             * Format: int64
             * @description How many it affects, or cannot be told about
             */
            apps: number;
            author?: string;
            /** @description That it is to be merged into */
            branch: string;
            /** @description Of a fork's that waits: the comment of somebody who may push that has it rendered */
            consent?: string;
            head: string;
            /** @description The line of that status */
            line: string;
            /** @description To the pull request at its forge */
            link?: string;
            /** Format: int64 */
            number: number;
            /** @description <namespace>/<name> of the Repo */
            repo: string;
            /**
             * Format: int64
             * @description How many objects are worth a second look
             */
            risks: number;
            /**
             * @description As plumb says it on the pull request
             * @enum {string}
             */
            status: "pending" | "success" | "failure";
            title?: string;
        };
        Refusal: {
            code?: string;
            message: string;
            next?: string;
            place?: components["schemas"]["Place"];
            reason: string;
        };
        RepoForge: {
            context?: string;
            kind: string;
            url?: string;
        };
        RepoList: {
            /** @description By column, the values that may be chosen; the counts of a column obey the choices of all others */
            facets: {
                [key: string]: components["schemas"]["Facet"][];
            };
            items: components["schemas"]["RepoRow"][];
            /** @description The cursor of what follows; absent at the end */
            next?: string;
            /**
             * Format: int64
             * @description How many are chosen
             */
            total: number;
        };
        RepoObserved: {
            /** Format: date-time */
            at: string;
            /** @description webhook, poll or sync */
            by?: string;
            commit: string;
        };
        RepoRow: {
            apps: components["schemas"]["AppCounts"];
            /** @description What is followed: a branch, a tag, a range; empty is the remote's default */
            branch: string;
            /**
             * Format: int64
             * @description Apps that are not decided at the newest commit
             */
            deciding: number;
            forge?: components["schemas"]["RepoForge"];
            /** @description Where a forge delivers: the path after the agent's address */
            hookPath: string;
            /** @description <namespace>/<name> of the Repo */
            id: string;
            /** @description What is wrong with it */
            message?: string;
            name: string;
            namespace: string;
            /** @description The newest commit that was seen */
            observed?: components["schemas"]["RepoObserved"];
            /** @description How often the remote is asked */
            poll: string;
            reason?: string;
            /** @description Newest commit for which every app was decided */
            revision: string;
            /**
             * Format: date-time
             * @description Since when the remote cannot be read; the last good state stays
             */
            staleSince?: string;
            /**
             * @description failed: it, or a folder in it that is meant to be an app, cannot be read or understood; deciding: apps are being decided at the newest commit; new: not read yet
             * @enum {string}
             */
            state: "ok" | "failed" | "deciding" | "new";
            summary: string;
            url: string;
            webhook?: components["schemas"]["RepoWebhook"];
        };
        RepoWebhook: {
            /** @description generic, github, gitlab or gitea */
            kind: string;
            /**
             * Format: date-time
             * @description The last genuine one that this life of the agent got
             */
            lastDelivery?: string;
            /** @description Of the Secret whose key secret signs */
            secretName: string;
        };
        ReposEvent: {
            /** @description Ids of those that are gone */
            gone: string[];
            repos: components["schemas"]["RepoRow"][];
            /** Format: int64 */
            seq: number;
        };
        Resources: {
            nodes: components["schemas"]["Node"][];
            /** @description there is more than is shown */
            truncated: boolean;
        };
        RevertMoreBody: {
            reason?: string;
            /** @description The commit to go back to, in full; absent: the last revision that was ok */
            to?: string;
        };
        RevertPreview: {
            /** @description That the pull request is to be merged into */
            branch: string;
            /** @description Files in which the same lines were changed again since: people have to mend them */
            conflicts: string[];
            /** @description What it changes in Git */
            files: string[];
            /** @description The commit that is taken back */
            from: string;
            /** @description Why the objects are not told */
            notTold?: string;
            /** @description What it changes in the app as it is rendered. The cluster is not asked */
            objects: components["schemas"]["ObjectDiff"][];
            /** @description The commit whose state of the app comes back */
            to: string;
        };
        ReviewLine: {
            /** Format: date-time */
            at?: string;
            user: string;
            verdict: string;
        };
        RevisionEntry: {
            /** Format: date-time */
            applied?: string;
            blocking?: components["schemas"]["Blocking"];
            by?: string;
            changedBy?: components["schemas"]["CommitLine"][];
            changes?: components["schemas"]["ObjectChange"][];
            commit: components["schemas"]["CommitLine"];
            counts?: {
                [key: string]: number;
            };
            /** Format: date-time */
            healthy?: string;
            incomplete?: boolean;
            message?: string;
            /** Format: date-time */
            planned?: string;
            previous?: string;
            pulls?: components["schemas"]["PullLine"][];
            reason?: string;
            /** Format: date-time */
            seen?: string;
            took?: string[];
        };
        Row: {
            /** @description The app's name in the fleet */
            app: string;
            /** @description The object that keeps the app from being healthy */
            blocking?: components["schemas"]["Blocking"];
            /** @description The newest change, if its commit is known */
            change?: components["schemas"]["ChangeLine"];
            /**
             * Format: date-time
             * @description When the newest change reached the app
             */
            changed?: string;
            /** @description Cluster; local is the one that the agent runs in */
            cluster: string;
            /** @description Environment; empty is none */
            env: string;
            /** @description The worst health of its objects */
            health: string;
            /**
             * Format: int64
             * @description How many deletions wait for consent
             */
            held: number;
            /** @description <namespace>/<name> of the App object */
            id: string;
            /** @description While the state is unknown because the agent is silent: what was said last */
            last?: string;
            /** @description Name of the App object */
            name: string;
            /** @description Namespace of the App object */
            namespace: string;
            /** @description The next step: a command, or a change in Git */
            next?: string;
            objects: components["schemas"]["Counts"];
            /** @description Folder inside the repository */
            path: string;
            /** @description As spec.pause; one whose end has passed stands here until somebody takes it away */
            pause?: components["schemas"]["Pause"];
            /** @description Why the app is not ready: a word of docs/reference/reasons.md */
            reason?: string;
            /** @description <namespace>/<name> of the Repo that made the App; empty for an App by hand */
            repo: string;
            /** @description The commit that is applied; empty before the first */
            revision: string;
            /**
             * Format: date-time
             * @description When this state began
             */
            since?: string;
            /**
             * @description The state that may be said now: unknown while the agent is silent
             * @enum {string}
             */
            state: "failed" | "drifted" | "rolling" | "waiting" | "paused" | "ok" | "unknown";
            /** @description One sentence */
            summary: string;
            /** @description The newest commit that changed the app's inputs */
            target: string;
            /** @description What must happen first */
            waitingFor?: components["schemas"]["WaitingFor"][];
        };
        Settings: {
            after?: string[];
            heal?: boolean;
            health?: components["schemas"]["HealthRule"][];
            helm?: components["schemas"]["HelmSettings"];
            ignore?: components["schemas"]["IgnoreRule"][];
            kustomize?: components["schemas"]["KustomizeSettings"];
            namespace?: string;
            onFailure?: components["schemas"]["OnFailure"];
            plain?: components["schemas"]["PlainSettings"];
            prune?: boolean;
            render?: string;
            replace?: components["schemas"]["ObjectRef"][];
            skip?: boolean;
            sync?: string;
            wait?: components["schemas"]["Wait"];
        };
        SourceStatus: {
            name: string;
            revision: string;
        };
        TypeMeta: {
            apiVersion?: string;
            kind?: string;
        };
        Wait: {
            timeout?: string;
        };
        WaitingFor: {
            kind: string;
            name: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    apps: {
        parameters: {
            query?: {
                /** @description Words that are all found in names, commits, authors or the sentence of a state */
                q?: string;
                /** @description State words, with commas between */
                state?: string[];
                env?: string[];
                cluster?: string[];
                /** @description <namespace>/<name> */
                repo?: string[];
                namespace?: string[];
                /** @description trouble: what needs a person first, then what changed last */
                sort?: "trouble" | "name" | "changed";
                limit?: number;
                /** @description next of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    app: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OneApp"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    events: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LiveEvents"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    history: {
        parameters: {
            query?: {
                /** @description Words that are all found in an Entry: commit, subject, author, pull request, trouble, field, manager */
                q?: string;
                /** @description ok, failed, held, superseded or healed */
                result?: string[];
                /** @description revision or drift */
                kind?: string[];
                author?: string[];
                sort?: "newest" | "oldest";
                limit?: number;
                /** @description next of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryPage"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    logs: {
        parameters: {
            query?: {
                /** @description Of the pod; any of the app's, if it is left out */
                namespace?: string;
                /** @description All pods of the app, at most ten, if it is left out */
                pod?: string;
                /** @description All of the pod, if it is left out */
                container?: string;
                /** @description Also what comes */
                follow?: boolean;
                /** @description How many lines of the end of each; 200 if it is left out */
                tail?: number;
            };
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Each line is an event line; end says that it is over, and why if it broke off. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["LogLine"] | components["schemas"]["LogEnd"];
                };
            };
        };
    };
    object: {
        parameters: {
            query: {
                group?: string;
                version?: string;
                kind: string;
                namespace?: string;
                name: string;
            };
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ObjectView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    pause: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PauseMoreBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Asked"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    resources: {
        parameters: {
            query?: {
                /** @description Also what the objects have made: ReplicaSets, Jobs, Pods */
                children?: boolean;
            };
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Resources"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    restore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Asked"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    resume: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Asked"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    retry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Asked"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    previewRevert: {
        parameters: {
            query?: {
                /** @description The commit to go back to, in full; absent: the last revision that was ok */
                to?: string;
            };
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevertPreview"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    revert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RevertMoreBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Asked"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    sync: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Asked"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    changes: {
        parameters: {
            query?: {
                /** @description Words that are all found in the commit, its author and subject, or the names of its apps */
                q?: string;
                repo?: string[];
                author?: string[];
                env?: string[];
                state?: string[];
                /** @description Name in the fleet, or <namespace>/<name> of an App object */
                app?: string[];
                /** @description newest: the one that was seen last first; trouble: by state, the worst first */
                sort?: "newest" | "trouble";
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangePage"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    change: {
        parameters: {
            query?: {
                /** @description <namespace>/<name>; any, if it is left out */
                repo?: string;
            };
            header?: never;
            path: {
                /** @description Its id, or the first seven digits or more */
                commit: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OneChange"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    clusters: {
        parameters: {
            query?: {
                /** @description Words that are all found in an item */
                q?: string;
                limit?: number;
                /** @description next of the page before */
                cursor?: string;
                /** @description Of Kubernetes */
                version?: string[];
                /** @description own: the agent's own cluster first */
                sort?: "own" | "name";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClusterList"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    drift: {
        parameters: {
            query?: {
                /** @description Words that are all found in an item */
                q?: string;
                limit?: number;
                /** @description next of the page before */
                cursor?: string;
                /** @description open: differs now; healed: was undone */
                state?: string[];
                /** @description Field managers */
                manager?: string[];
                /** @description changed, removed, added, missing or label */
                kind?: string[];
                /** @description Of the App objects */
                namespace?: string[];
                /** @description newest: what differs now first, then what was seen or undone last */
                sort?: "newest" | "app";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DriftPage"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    figures: {
        parameters: {
            query?: {
                days?: number;
                /** @description Name in the fleet, or <namespace>/<name> of an App object; all, if it is left out */
                app?: string;
                env?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Figures"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    fleet: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fleet"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    loginWays: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginWays"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginBodyBody"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LoginCode"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is over */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    pulls: {
        parameters: {
            query?: {
                /** @description Words that are all found in an item */
                q?: string;
                limit?: number;
                /** @description next of the page before */
                cursor?: string;
                /** @description pending, success or failure */
                status?: string[];
                /** @description <namespace>/<name> */
                repo?: string[];
                author?: string[];
                /** @description repo: the newest of each Repo first; trouble: what failed, then what waits, then the most risks */
                sort?: "repo" | "trouble";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PullList"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    pull: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                namespace: string;
                name: string;
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OnePull"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    repos: {
        parameters: {
            query?: {
                /** @description Words that are all found in an item */
                q?: string;
                limit?: number;
                /** @description next of the page before */
                cursor?: string;
                /** @description ok, failed, deciding or new */
                state?: string[];
                namespace?: string[];
                sort?: "name" | "trouble";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RepoList"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    stream: {
        parameters: {
            query?: {
                /** @description <stream>-<seq> of /fleet; now, if it is left out */
                since?: string;
            };
            header?: {
                /** @description The id of the last event that came: a browser sends it by itself */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Each event has the name of its kind; an id is a position up to which everything is told. After reset everything is to be read anew. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["AppsEvent"] | components["schemas"]["ReposEvent"] | components["schemas"]["NewsEvent"] | components["schemas"]["BeatEvent"];
                };
            };
        };
    };
}
