%% Mnesia's tables: creation, first rows, cluster membership, the consistency witness.
-module(erlmcp_sample_mnesia).

-export([prepare/0, witness/0, application_tables/0, access_module/1]).

-define(WAIT_MS, 5000).
-define(BATCH, 1000).

%% Returns when every table can be used and holds its rows.
-spec prepare() -> ok.
prepare() ->
    case {mnesia:system_info(db_nodes), erlmcp_sample_config:get(join)} of
        {[Node], Peer} when Node =:= node(), Peer =/= none ->
            case mnesia:system_info(use_dir) of
                true -> ok;
                false -> join(Peer)
            end;
        _ ->
            ok
    end,
    ok = create_missing(),
    ok = wait(),
    case mnesia:dirty_read(node_setting, seeded) of
        [] -> seed();
        [_] -> refund()
    end.

%% Tables that hold the application's rows, each fragment by itself.
-spec application_tables() -> [atom()].
application_tables() ->
    lists:sort(mnesia:system_info(tables) -- [schema]).

%% Sum of the balances of both witness tables, read in one transaction.
-spec witness() -> map().
witness() ->
    Add = fun(Table, Position) ->
        mnesia:foldl(fun(R, Sum) -> element(Position, R) + Sum end, 0, Table)
    end,
    {atomic, {Accounts, Wallets}} = mnesia:transaction(fun() ->
        {Add(account, 4), Add(wallet, 4)}
    end),
    #{accounts => Accounts, wallets => Wallets, sum => Accounts + Wallets, expected => total()}.

total() ->
    Rows = erlmcp_sample_config:get(rows) + erlmcp_sample_config:get(side_rows),
    Rows * erlmcp_sample_rows:opening_balance().

-spec access_module(atom()) -> module().
access_module(metric) -> mnesia_frag;
access_module(_) -> mnesia.

%% --- a first start -------------------------------------------------------------------------

create_missing() ->
    Known = mnesia:system_info(tables),
    [create(Spec) || {Name, _, _, _} = Spec <- erlmcp_sample_tables:mnesia(), not lists:member(Name, Known)],
    ok.

create({Name, _Rows, fragmented, Options}) ->
    Fragments = {frag_properties, [{n_fragments, 4}, {node_pool, [node()]}, {n_disc_copies, 1}]},
    {atomic, ok} = mnesia:create_table(Name, [Fragments | Options]);
create({Name, _Rows, Storage, Options}) ->
    {atomic, ok} = mnesia:create_table(Name, [{Storage, [node()]} | Options]).

wait() ->
    case mnesia:wait_for_tables(application_tables(), ?WAIT_MS) of
        ok ->
            ok;
        {timeout, Tables} ->
            logger:notice("waiting for ~b tables, first ~p", [length(Tables), hd(Tables)]),
            wait()
    end.

%% Rows of node_setting tell whether this node has been filled: a restored node is not filled again.
seed() ->
    case erlmcp_sample_config:get(join) of
        none -> [load(Name, Rows) || {Name, Rows, _, _} <- erlmcp_sample_tables:mnesia()];
        _ -> [load(Name, Rows) || {Name, Rows} <- [{node_setting, 20}, {peer_note, 200}]]
    end,
    ok = trap_stale_dump(),
    mnesia:dirty_write({node_setting, seeded, true}).

load(Table, Rows) ->
    Module = access_module(Table),
    load_batches(Table, Module, 1, Rows).

load_batches(_Table, _Module, First, Last) when First > Last ->
    ok;
load_batches(Table, Module, First, Last) ->
    End = min(First + ?BATCH - 1, Last),
    mnesia:activity(
        async_dirty,
        fun() ->
            [mnesia:write(Table, erlmcp_sample_rows:record(Table, Id, 0), write)
             || Id <- lists:seq(First, End)]
        end,
        [],
        Module
    ),
    load_batches(Table, Module, End + 1, Last).

%% `cache` lives in memory but has been dumped to disc once and changed since: a backup that
%% believes the dump loses rows.
trap_stale_dump() ->
    case erlmcp_sample_config:get(join) of
        none ->
            {atomic, ok} = mnesia:dump_tables([cache]),
            Rows = mnesia:table_info(cache, size),
            [mnesia:dirty_delete(cache, Id) || Id <- lists:seq(1, Rows div 4)],
            [mnesia:dirty_write(erlmcp_sample_rows:record(cache, Id, 1))
             || Id <- lists:seq(Rows div 2, Rows + Rows div 2), Id > 0],
            ok;
        _ ->
            ok
    end.

%% Wallets are in memory only. After a restart that lost them, the first wallet gets what the
%% accounts miss, so the sum of all balances is the same for ever.
refund() ->
    case mnesia:table_info(wallet, size) of
        0 ->
            #{sum := Sum, expected := Expected} = witness(),
            Row = erlmcp_sample_rows:record(wallet, 1, 0),
            mnesia:dirty_write(setelement(4, Row, Expected - Sum));
        _ ->
            ok
    end.

%% --- a second node -------------------------------------------------------------------------

join(Peer) ->
    wait_for_peer(Peer),
    {ok, [_]} = mnesia:change_config(extra_db_nodes, [Peer]),
    {atomic, ok} = mnesia:change_table_copy_type(schema, node(), disc_copies),
    [copy(Table, Storage)
     || {Table, Storage} <- [
            {account, disc_copies}, {wallet, ram_copies}, {client, disc_copies},
            {quorum, disc_copies}, {node_setting, disc_copies}
        ]],
    %% Replicas only here: the first node reads this table over the network.
    {atomic, ok} = mnesia:create_table(peer_note, [
        {disc_copies, [node()]}, {attributes, [id, text]}
    ]),
    ok.

copy(Table, Storage) ->
    {atomic, ok} = mnesia:add_table_copy(Table, node(), Storage).

wait_for_peer(Peer) ->
    Ready =
        net_kernel:connect_node(Peer) =:= true andalso
            erpc:call(Peer, erlmcp_sample_loader, ready, []),
    case Ready of
        true ->
            ok;
        false ->
            logger:notice("waiting for ~p", [Peer]),
            timer:sleep(500),
            wait_for_peer(Peer)
    end.
