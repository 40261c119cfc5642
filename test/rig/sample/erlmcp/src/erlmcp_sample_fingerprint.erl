%% Collects the digests of every table of this node, each private one from its owner.
-module(erlmcp_sample_fingerprint).

-export([tables/1]).

-spec tables(all | ets | dets | mnesia) -> [map()].
tables(all) ->
    tables(ets) ++ tables(dets) ++ tables(mnesia);
tables(ets) ->
    [
        ask(Owner, Table)
     || Owner <- [
            erlmcp_sample_ets, erlmcp_sample_statem, erlmcp_sample_plain, erlmcp_sample_sup
        ],
        Table <- lists:sort(owned_by(whereis(Owner)))
    ];
tables(dets) ->
    erlmcp_sample_dets:call(digests);
tables(mnesia) ->
    [erlmcp_sample_digest:mnesia(Table) || Table <- erlmcp_sample_mnesia:application_tables()].

owned_by(Pid) ->
    [Table || Table <- ets:all(), ets:info(Table, owner) =:= Pid].

ask(erlmcp_sample_sup = Owner, Table) ->
    %% A supervisor has no calls of its own; its state stays as it is.
    Self = self(),
    Ref = make_ref(),
    _ = sys:replace_state(Owner, fun(State) ->
        Self ! {Ref, erlmcp_sample_digest:ets(Table)},
        State
    end),
    receive
        {Ref, Digest} -> Digest
    end;
ask(Owner, Table) ->
    Owner:call({digest, Table}).
